"""What we ask: reading XLSForms into Form values. The only door to pyxform."""
