package packet

import (
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"

	"sockwire/raw/wire"
)

// GoCode returns Go source: the arguments of [Append], one layer on each line, that build the same bytes as layers.
func GoCode(layers []Layer) string {
	var s strings.Builder
	for _, l := range layers {
		switch l := l.(type) {
		case Payload:
			s.WriteString("packet.Payload(" + strconv.Quote(string(l)) + "),\n")
		case *Payload:
			s.WriteString("packet.Payload(" + strconv.Quote(string(*l)) + "),\n")
		default:
			s.WriteString("&" + goStruct(reflect.ValueOf(l).Elem()) + ",\n")
		}
	}
	return s.String()
}

func goStruct(v reflect.Value) string {
	var parts []string
	for i := range v.NumField() {
		if f := v.Field(i); !f.IsZero() && !(f.Kind() == reflect.Slice && f.Len() == 0) {
			parts = append(parts, v.Type().Field(i).Name+": "+goValue(f))
		}
	}
	return v.Type().String() + "{" + strings.Join(parts, ", ") + "}"
}

func goValue(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case Opt[uint8]:
		return fmt.Sprintf("packet.U8(%#x)", x.value)
	case Opt[uint16]:
		return fmt.Sprintf("packet.U16(%#x)", x.value)
	case Opt[uint32]:
		return fmt.Sprintf("packet.U32(%#x)", x.value)
	case netip.Addr:
		return fmt.Sprintf("netip.MustParseAddr(%q)", x)
	case MAC:
		var octets []string
		for _, b := range x {
			octets = append(octets, fmt.Sprintf("%#x", b))
		}
		return "packet.MAC{" + strings.Join(octets, ", ") + "}"
	case []byte:
		return "[]byte(" + strconv.Quote(string(x)) + ")"
	case DomainName:
		return strconv.Quote(string(x))
	case bool:
		return strconv.FormatBool(x)
	case wire.TCPFlags:
		return fmt.Sprintf("%#x", uint16(x))
	}
	if v.Kind() == reflect.Slice {
		var list []string
		for i := range v.Len() {
			if e := v.Index(i); e.Kind() == reflect.Struct && e.Type() != reflect.TypeFor[netip.Addr]() {
				list = append(list, strings.TrimPrefix(goStruct(e), e.Type().String()))
			} else {
				list = append(list, goValue(e))
			}
		}
		return v.Type().String() + "{" + strings.Join(list, ", ") + "}"
	}
	return fmt.Sprint(v.Interface())
}
