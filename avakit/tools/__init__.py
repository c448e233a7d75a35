"""The only hands that touch the world. They import `avakit.errors` alone."""
