package packet

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"sockwire/raw/wire"
)

// Format writes layers as an expression that [Parse] reads: it builds the same bytes, whatever the seed. Each layer
// must be one that this package defines.
func Format(layers []Layer) string {
	var s strings.Builder
	for i, l := range layers {
		if i > 0 {
			s.WriteString(" / ")
		}
		switch l := l.(type) {
		case Payload:
			s.WriteString(formatPayload(l))
		case *Payload:
			s.WriteString(formatPayload(*l))
		default:
			formatLayer(&s, l)
		}
	}
	return s.String()
}

// alwaysWritten are the fields that the parser would otherwise choose itself: see [parsing.defaults].
var alwaysWritten = map[string][]string{
	"ip": {"id"}, "frag": {"id"}, "udp": {"sport", "dport"}, "udplite": {"sport", "dport"}, "sctp": {"sport", "dport"},
	"tcp": {"sport", "dport", "seq", "flags"}, "icmp": {"type"}, "icmp6": {"type"}, "dns": {"id", "flags"}, "dhcp": {"op", "xid"},
}

func formatLayer(s *strings.Builder, l Layer) {
	kind := kindOf(l)
	s.WriteString(kind.name)
	always := alwaysWritten[kind.name]
	switch l := l.(type) {
	case *ICMPv4:
		if l.Type == wire.ICMPv4Echo {
			always = []string{"type", "id"}
		}
	case *ICMPv6:
		if l.Type == wire.ICMPv6Echo {
			always = []string{"type", "id"}
		}
	}
	v, model := reflect.ValueOf(l).Elem(), reflect.ValueOf(kind.make()).Elem()
	first := true
	for _, f := range kind.fields() {
		field := v.Field(f.index)
		if field.Kind() != reflect.Slice && field.Interface() == model.Field(f.index).Interface() && !slices.Contains(always, f.name) {
			continue
		}
		text := formatField(kind, f, field.Addr().Interface())
		if text == "" {
			continue
		}
		s.WriteString(map[bool]string{true: "{", false: ", "}[first])
		s.WriteString(f.name + "=" + text)
		first = false
	}
	if !first {
		s.WriteByte('}')
	}
}

// formatField writes a field's value, "" for an empty one.
func formatField(kind *layerKind, f field, ptr any) string {
	switch p := ptr.(type) {
	case *[]byte:
		return hex.EncodeToString(*p)
	case *[]netip.Addr:
		return formatList(*p, formatAddr)
	case *[]Option:
		return formatList(*p, func(o *Option) string { return formatOption(kind.options, o) })
	case *[]ICMPExtension:
		return formatList(*p, formatObject)
	case *[]GroupRecord:
		return formatList(*p, formatRecord)
	case *[]DNSRecord:
		return formatList(*p, func(r *DNSRecord) string { return formatDNSRecord(r, f.name == "qd") })
	case *DomainName:
		return string(*p)
	case *netip.Addr:
		if !p.IsValid() {
			return ""
		}
		return p.String()
	case *MAC:
		return p.String()
	case *wire.TCPFlags:
		if *p&^0x1ff == 0 {
			return p.Letters()
		}
	case interface{ isGiven() bool }:
		if !p.isGiven() {
			return "auto"
		}
	}
	t := target{ptr: ptr}
	v := t.get().lo
	switch {
	case f.name == "qtype":
		return nameOf(dnsTypeNames, v)
	case f.bits == 32 || f.name == "chksum" || strings.HasSuffix(f.name, "type") && f.bits == 16:
		return fmt.Sprintf("%#x", v)
	case f.name == "tos" || f.name == "tc" || f.name == "flags" && f.bits == 16:
		return fmt.Sprintf("%#x", v)
	}
	return fmt.Sprint(v)
}

// formatList writes a list in brackets, "" for an empty one.
func formatList[T any](list []T, format func(*T) string) string {
	var texts []string
	for i := range list {
		texts = append(texts, format(&list[i]))
	}
	return bracketed(texts)
}

func formatAddr(a *netip.Addr) string { return a.String() }

func formatRecord(r *GroupRecord) string {
	text := fmt.Sprintf("rec{type=%d", r.Type) + formatOpt("auxlen", r.AuxLength) + formatOpt("nsrc", r.NumSources)
	if r.Group.IsValid() {
		text += ", group=" + r.Group.String()
	}
	if len(r.Sources) > 0 {
		text += ", sources=" + formatList(r.Sources, formatAddr)
	}
	return text + formatBytes("aux", r.Aux) + "}"
}

// formatOpt and formatBytes write a further part of an element, if there is something to write.
func formatOpt[T integer](name string, o Opt[T]) string {
	if !o.given {
		return ""
	}
	return fmt.Sprintf(", %s=%d", name, o.value)
}

func formatBytes(name string, b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return ", " + name + "=" + hex.EncodeToString(b)
}

func bracketed(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return "[" + strings.Join(list, ", ") + "]"
}

func formatOption(kinds map[string]optionKind, o *Option) string {
	if name, k, ok := optionByType(kinds, o.Type, 0); ok {
		if text, ok := formatKnown(name, k, o.Data, o.Length.given); ok {
			return text
		}
	}
	return fmt.Sprintf("opt{type=%d", o.Type) + formatOpt("len", o.Length) + formatBytes("data", o.Data) + "}"
}

func formatObject(o *ICMPExtension) string {
	if o.Class == classInterface && !o.Length.given {
		if i, ok := readInterfaceInfo(o); ok {
			if same := i.object(); same.CType == o.CType && bytes.Equal(same.Data, o.Data) {
				return i.format()
			}
		}
	}
	if name, k, ok := optionByType(icmpObjects, o.Class, o.CType); ok {
		if text, ok := formatKnown(name, k, o.Data, o.Length.given); ok {
			return text
		}
	}
	return fmt.Sprintf("obj{class=%d, ctype=%d", o.Class, o.CType) + formatOpt("len", o.Length) + formatBytes("data", o.Data) + "}"
}

func optionByType(kinds map[string]optionKind, typ, ctype uint8) (string, optionKind, bool) {
	for name, k := range kinds {
		if k.typ == typ && k.ctype == ctype {
			return name, k, true
		}
	}
	return "", optionKind{}, false
}

// formatKnown writes an option by the names of its parts if its data are laid out as the kind has it.
func formatKnown(name string, k optionKind, data []byte, lengthGiven bool) (string, bool) {
	if lengthGiven || k.single && len(data) > 0 {
		return "", false
	}
	size := k.fixed
	var parts []string
	covered := make([]bool, len(data))
	for _, f := range k.fields {
		var text string
		switch {
		case f.bytes == 0:
			if len(data) < f.offset || len(data) == f.offset {
				continue
			}
			text, size = hex.EncodeToString(data[f.offset:]), len(data)
			markCovered(covered[f.offset:])
		case f.bytes < 0:
			rest := data[min(f.offset, len(data)):]
			if len(rest)%-f.bytes != 0 || len(rest) == 0 {
				continue
			}
			var list []string
			for ; len(rest) > 0; rest = rest[-f.bytes:] {
				a, _ := netip.AddrFromSlice(rest[:-f.bytes])
				list = append(list, a.String())
			}
			text, size = bracketed(list), len(data)
			markCovered(covered[f.offset:])
		case f.offset+f.bytes <= len(data):
			at := data[f.offset : f.offset+f.bytes]
			markCovered(covered[f.offset : f.offset+f.bytes])
			size = max(size, f.offset+f.bytes)
			t := target{ptr: &at}
			v := t.get()
			switch {
			case f.addr:
				text = addrOf(v, 8*f.bytes).String()
			case f.mac:
				text = MAC(at).String()
			case f.bits != 0:
				text = fmt.Sprint(v.lo >> f.shift & (1<<f.bits - 1))
			default:
				text = fmt.Sprint(v.lo)
			}
		default:
			continue
		}
		if len(k.fields) > 1 {
			text = f.name + "=" + text
		}
		parts = append(parts, text)
	}
	for i, c := range covered {
		if !c && data[i] != 0 {
			return "", false
		}
	}
	if size != len(data) {
		return "", false
	}
	if len(parts) == 0 {
		return name, true
	}
	return name + "{" + strings.Join(parts, ", ") + "}", true
}

func markCovered(c []bool) {
	for i := range c {
		c[i] = true
	}
}
