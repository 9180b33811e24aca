package decode

// What the link headers have in common that are rarely looked at: their line is made from their fields.

// The first and the last of those types.
const (
	firstStation = TypeSLARP
	lastStation  = TypeNetAnalyzer
)

// lastHeader decodes a header of one length whose payload is handed on.
func (c *cursor) lastHeader(t Type, h []byte) Type {
	c.add(t, len(h))
	return TypePayload
}
