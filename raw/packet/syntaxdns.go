package packet

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// domainNames reads what a name is to be, up to the next field: one, a list, or the lines of a file.
func (p *parsing) domainNames(f *DomainName) {
	start := p.pos
	var list []DomainName
	if at := p.pos; p.name() == "from" && p.peek() != ',' && p.peek() != '}' {
		p.space()
		at := p.pos
		p.entries(at, func(line string) string {
			if _, err := appendName(nil, DomainName(line)); err != nil {
				return err.Error()
			}
			list = append(list, DomainName(line))
			return ""
		})
		if len(list) == 0 {
			p.fail(at, "the file has no names")
		}
	} else {
		p.pos = at
		for more := true; more; more = p.another() {
			list = append(list, p.domainName())
		}
	}
	v := values{width: 32, group: p.group()}
	v.addSpan(span{step: 1, count: uint64(len(list))})
	p.bind(target{ptr: f, bits: 32, texts: list}, v, start)
}

// domainName reads one name.
func (p *parsing) domainName() DomainName {
	p.space()
	start := p.pos
	name := DomainName(p.text())
	if _, err := appendName(nil, name); err != nil || name == "" {
		if err == nil {
			err = fmt.Errorf(`a name is empty: the root is "."`)
		}
		p.fail(start, "%v", err)
	}
	return name
}

// dnsRecords reads [rr{name=www.example.com, type=a, ttl=60, addr=192.0.2.1}], or of questions [q{name=, type=,
// class=}].
func (p *parsing) dnsRecords(questions bool) []DNSRecord {
	element := "rr"
	if questions {
		element = "q"
	}
	list := make([]DNSRecord, 0, maxElements) // full size: the targets below point into it
	p.elements(func(name string, start int) {
		if name != element {
			p.fail(start, "this list has no %q: there is %s{name=, type=, …}", name, element)
		}
		list = list[:len(list)+1]
		r := &list[len(list)-1]
		r.Name = "."
		fields := []genericField{{name: "type", target: target{ptr: &r.Type, bits: 16}, names: dnsTypeNames},
			{name: "class", target: target{ptr: &r.Class, bits: 16}, names: dnsClassNames}}
		others := map[string]func(){"name": func() { r.Name = p.domainName() }}
		r.Type = dnsTypeA
		if !questions {
			fields = append(fields, genericField{name: "ttl", target: target{ptr: &r.TTL, bits: 32}},
				genericField{name: "len", target: target{ptr: &r.Length, bits: 16}})
			p.dnsData(r, others)
		}
		p.braced(element, fields, others)
	})
	return slices.Clip(list)
}

// dnsData adds the ways to write what a record holds: bytes, an address, a name, or text in strings of up to 255 bytes.
func (p *parsing) dnsData(r *DNSRecord, others map[string]func()) {
	others["data"] = func() { r.Data = p.bytes() }
	others["addr"] = func() {
		p.space()
		start := p.pos
		a, err := netip.ParseAddr(p.word())
		if err != nil || a.Zone() != "" {
			p.fail(start, "an address of IPv4 or IPv6 is needed")
		}
		if r.Data = a.AsSlice(); a.Is6() && r.Type == dnsTypeA {
			r.Type = dnsTypeAAAA
		}
	}
	others["target"] = func() { r.Data, _ = appendName(nil, p.domainName()) }
	others["text"] = func() {
		for rest := p.text(); ; {
			n := min(len(rest), 255)
			r.Data = append(append(r.Data, byte(n)), rest[:n]...)
			if rest = rest[n:]; rest == "" {
				return
			}
		}
	}
}

func formatDNSRecord(r *DNSRecord, question bool) string {
	parts := []string{"name=" + string(r.Name), "type=" + nameOf(dnsTypeNames, uint64(r.Type))}
	if class, ok := r.Class.Get(); ok {
		parts = append(parts, "class="+nameOf(dnsClassNames, uint64(class)))
	}
	if question {
		return "q{" + strings.Join(parts, ", ") + "}"
	}
	parts = append(parts, fmt.Sprintf("ttl=%d", r.TTL))
	if n, ok := r.Length.Get(); ok {
		parts = append(parts, fmt.Sprintf("len=%d", n))
	}
	a, isAddr := netip.AddrFromSlice(r.Data)
	switch {
	case len(r.Data) == 0:
	case isAddr && (r.Type == dnsTypeA && a.Is4() || r.Type == dnsTypeAAAA && a.Is6() && !a.Is4In6()):
		parts = append(parts, "addr="+a.String())
	default:
		parts = append(parts, "data="+hex.EncodeToString(r.Data))
	}
	return "rr{" + strings.Join(parts, ", ") + "}"
}

// nameOf returns the name of a number, or the number.
func nameOf(names map[string]uint64, number uint64) string {
	for name, n := range names {
		if n == number {
			return name
		}
	}
	return fmt.Sprint(number)
}
