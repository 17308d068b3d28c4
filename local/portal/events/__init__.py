"""Events that the portal makes and delivers, and the installation of an application."""
