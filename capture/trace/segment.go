package trace

// QuoteData shows the start of data as a timeline does: as text when it is text, else in hex, escaped.
func QuoteData(data []byte, size int) string { return quoteData(data, size) }
