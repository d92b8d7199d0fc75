"""What goes wrong, by its id: each fault of the list is a test named after it, and after each the archive is whole."""
