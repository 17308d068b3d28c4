"""Events, as the portal makes and delivers them, and the installation of an application."""
