"""Archives of clips that somebody else cut: which ones there are, and what one of them holds."""
