package decode

// Kind is how the value of a Field is held and shown.
type Kind uint8

// Kinds of values. Number kinds use Field.Number, the others Field.Bytes.
const (
	KindUint  Kind = iota // decimal
	KindHex               // hexadecimal, with as many digits as the field has
	KindBool              // a flag
	KindIP                // an address of 4 or 16 bytes
	KindMAC               // a hardware address of any length
	KindBytes             // hexadecimal
	KindText              // text from the packet, to be escaped
	KindGroup             // no value: a heading for the deeper fields behind it
)

// Definition describes a field once for all packets.
type Definition struct {
	Key  string // as in display filters, such as "ip.ttl"
	Name string // as in the RFC, such as "Time to Live"
	JSON string // name inside the layer's JSON object, such as "ttl"
	Kind Kind
	List bool // may occur several times in a row; an array in JSON
}

// Field is one field of a layer.
type Field struct {
	*Definition
	Bit    int    // where it starts, in bits from the start of Frame.Data
	Bits   int    // its length in bits
	Number uint64 // the value of the number kinds, as it stands in the header
	Bytes  []byte // the value of the other kinds, borrowed from the frame
	Note   string // what the number means, such as "Echo request"; may be empty
	Depth  uint8  // 0 for a field of the layer, more inside a group
}
