package packet

import (
	"encoding/binary"
	"net/netip"
	"reflect"
	"strconv"

	"sockwire/raw/wire"
)

// payloadKinds are the layers without fields.
var payloadKinds = []string{"hex", "text", "random", "pattern", "zero", "file", "lines"}

// field is one field of a layer's struct.
type field struct {
	name  string
	index int
	bits  int // 0: not a scalar
	opt   bool
	addr  bool
	mac   bool
}

// fields returns the fields of a kind, in the order of its struct.
func (k *layerKind) fields() []field {
	t := reflect.TypeOf(k.make()).Elem()
	list := make([]field, 0, t.NumField())
	for i := range t.NumField() {
		list = append(list, k.describeField(t.Field(i), i))
	}
	return list
}

func (k *layerKind) describeField(f reflect.StructField, index int) field {
	d := field{name: f.Tag.Get("field"), index: index}
	switch f.Type {
	case reflect.TypeFor[uint8]():
		d.bits = 8
	case reflect.TypeFor[uint16](), reflect.TypeFor[wire.TCPFlags]():
		d.bits = 16
	case reflect.TypeFor[uint32]():
		d.bits = 32
	case reflect.TypeFor[Opt[uint8]]():
		d.bits, d.opt = 8, true
	case reflect.TypeFor[Opt[uint16]]():
		d.bits, d.opt = 16, true
	case reflect.TypeFor[Opt[uint32]]():
		d.bits, d.opt = 32, true
	case reflect.TypeFor[bool]():
		d.bits = 1
	case reflect.TypeFor[MAC]():
		d.bits, d.mac = 48, true
	case reflect.TypeFor[netip.Addr]():
		d.bits, d.addr = k.family, true
	}
	if n, err := strconv.Atoi(f.Tag.Get("bits")); err == nil {
		d.bits = n
	}
	return d
}

func (k *layerKind) field(name string) (field, bool) {
	for _, f := range k.fields() {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

// target is a place in a layer that scalars are written to: a field, some bits of it, or bytes of an option.
type target struct {
	ptr         any // to the field, or a *[]byte: big-endian bytes
	bits        int
	shift, part int          // part is the number of bits from shift that are meant, 0 for all
	texts       []DomainName // of a *DomainName, which holds the one of the number that is set
}

// fieldPtr returns the pointer to a field of a layer.
func fieldPtr(l Layer, index int) any {
	return reflect.ValueOf(l).Elem().Field(index).Addr().Interface()
}

// set writes a value. It does not allocate.
func (t *target) set(s scalar) {
	if t.part != 0 {
		mask := uint64(1)<<t.part - 1
		s = number(t.get().lo&^(mask<<t.shift) | s.lo&mask<<t.shift)
	}
	v := s.lo
	switch p := t.ptr.(type) {
	case *uint8:
		*p = uint8(v)
	case *uint16:
		*p = uint16(v)
	case *uint32:
		*p = uint32(v)
	case *wire.TCPFlags:
		*p = wire.TCPFlags(v)
	case *bool:
		*p = v != 0
	case *Opt[uint8]:
		*p = U8(uint8(v))
	case *Opt[uint16]:
		*p = U16(uint16(v))
	case *Opt[uint32]:
		*p = U32(uint32(v))
	case *MAC:
		for i := range p {
			p[i] = byte(v >> (40 - 8*i))
		}
	case *netip.Addr:
		*p = addrOf(s, t.bits)
	case *DomainName:
		*p = t.texts[v]
	case *[]byte:
		for i := range *p {
			shift := 8 * (len(*p) - 1 - i)
			if shift >= 64 {
				(*p)[i] = byte(s.hi >> (shift - 64))
			} else {
				(*p)[i] = byte(v >> shift)
			}
		}
	}
}

// get reads the value back; only fields of up to 64 bits are asked for in parts.
func (t *target) get() scalar {
	switch p := t.ptr.(type) {
	case *uint8:
		return number(uint64(*p))
	case *uint16:
		return number(uint64(*p))
	case *uint32:
		return number(uint64(*p))
	case *wire.TCPFlags:
		return number(uint64(*p))
	case *bool:
		if *p {
			return number(1)
		}
	case *Opt[uint8]:
		return number(uint64(p.value))
	case *Opt[uint16]:
		return number(uint64(p.value))
	case *Opt[uint32]:
		return number(uint64(p.value))
	case *MAC:
		var v uint64
		for _, c := range p {
			v = v<<8 | uint64(c)
		}
		return number(v)
	case *netip.Addr:
		return scalarOf(*p)
	case *[]byte:
		var s scalar
		for _, c := range *p {
			s = scalar{s.hi<<8 | s.lo>>56, s.lo<<8 | uint64(c)}
		}
		return s
	}
	return scalar{}
}

// clear makes an optional field computed again and reports whether the field is optional.
func (t *target) clear() bool {
	switch p := t.ptr.(type) {
	case *Opt[uint8]:
		*p = Opt[uint8]{}
	case *Opt[uint16]:
		*p = Opt[uint16]{}
	case *Opt[uint32]:
		*p = Opt[uint32]{}
	case *netip.Addr:
		*p = netip.Addr{}
	default:
		return false
	}
	return true
}

func addrOf(s scalar, bits int) netip.Addr {
	if bits == 32 {
		return netip.AddrFrom4([4]byte{byte(s.lo >> 24), byte(s.lo >> 16), byte(s.lo >> 8), byte(s.lo)})
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], s.hi)
	binary.BigEndian.PutUint64(b[8:], s.lo)
	return netip.AddrFrom16(b)
}

func scalarOf(a netip.Addr) scalar {
	switch {
	case a.Is4():
		b := a.As4()
		return number(uint64(binary.BigEndian.Uint32(b[:])))
	case a.IsValid():
		b := a.As16()
		return scalar{binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])}
	}
	return scalar{}
}
