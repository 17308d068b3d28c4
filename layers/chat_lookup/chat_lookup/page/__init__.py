"""The page inside the portal: its document, its sessions, and what it shows to users and administrators."""
