package packet

// Opt is a header field that may be left out. The zero Opt means "compute it"; see [U8], [U16], [U32].
type Opt[T integer] struct {
	value T
	given bool
}

type integer interface{ uint8 | uint16 | uint32 }

func (o Opt[T]) isGiven() bool { return o.given }

// U8 returns a given 8-bit field, also one that is narrower on the wire.
func U8(v uint8) Opt[uint8] { return Opt[uint8]{v, true} }

// U16 returns a given 16-bit field.
func U16(v uint16) Opt[uint16] { return Opt[uint16]{v, true} }

// U32 returns a given field of 17 to 32 bits.
func U32(v uint32) Opt[uint32] { return Opt[uint32]{v, true} }

// Get returns the value and whether it was given.
func (o Opt[T]) Get() (T, bool) { return o.value, o.given }

// Or returns the value, or computed when none was given.
func (o Opt[T]) Or(computed T) T {
	if o.given {
		return o.value
	}
	return computed
}
