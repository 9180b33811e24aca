package where

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hbollon/go-edlib"

	"sockwire/capture/decode"
)

// way is how a field is read from a layer.
type way uint8

const (
	notThere way = iota
	alone        // each of its definitions stands at one place
	amongAll     // it is found among all fields of the layer
	itself       // the layer is it
	carried      // what the layer carries is it
	carriedLength
)

// field is what a name stands for.
type field struct {
	name        string
	class       class
	definitions []*decode.Definition
	ways        [decode.Types]way
	frame       func(v *view, dst []value) []value // of the frame; nil for those of layers
	width       int                                // bits of a number, 0 where that is not known
	unnamed     bool                               // no value has a name
	deep        bool                               // it is of layers above the transport too
	placed      bool                               // it needs Place
}

// Place is where in its capture a packet is.
type Place struct {
	Number        uint64        // from 1
	SinceFirst    time.Duration // since the first packet of the capture
	SincePrevious time.Duration // since the packet before
}

// view is what the fields of the frame are read from.
type view struct {
	// Place is that of the packet to come, for an expression that needs it.
	Place     Place
	packet    *decode.Packet
	protocols []byte
}

// epoch adds the time of the frame.
func epoch(v *view, dst []value) []value {
	if at := v.packet.Frame.Time; !at.IsZero() {
		dst = append(dst, value{n: nanoseconds(at)})
	}
	return dst
}

// since adds a time since another packet.
func (v *view) since(dst []value, d time.Duration) []value {
	if !v.packet.Frame.Time.IsZero() {
		dst = append(dst, value{n: numOf(int64(d))})
	}
	return dst
}

func count(dst []value, n int) []value { return append(dst, value{n: numOf(int64(n))}) }

// frameFields are of the frame.
var frameFields = []field{
	{name: "frame", class: octets, frame: func(v *view, dst []value) []value { return append(dst, value{b: v.packet.Frame.Data}) }},
	{name: "frame.number", class: number, placed: true, frame: func(v *view, dst []value) []value { return append(dst, value{n: num{n: v.Place.Number}}) }},
	{name: "frame.len", class: number, frame: func(v *view, dst []value) []value { return count(dst, v.packet.Frame.Length) }},
	{name: "frame.cap_len", class: number, frame: func(v *view, dst []value) []value { return count(dst, len(v.packet.Frame.Data)) }},
	{name: "frame.interface_id", class: number, frame: func(v *view, dst []value) []value { return count(dst, v.packet.Frame.Interface) }},
	{name: "frame.time", class: instant, frame: epoch},
	{name: "frame.time_epoch", class: seconds, frame: epoch},
	{name: "frame.time_relative", class: seconds, placed: true, frame: func(v *view, dst []value) []value { return v.since(dst, v.Place.SinceFirst) }},
	{name: "frame.time_delta", class: seconds, placed: true, frame: func(v *view, dst []value) []value { return v.since(dst, v.Place.SincePrevious) }},
	{name: "frame.protocols", class: text, frame: func(v *view, dst []value) []value {
		v.protocols = v.protocols[:0]
		for i, l := range v.packet.Layers() {
			if i > 0 {
				v.protocols = append(v.protocols, ':')
			}
			v.protocols = append(v.protocols, l.Type.String()...)
		}
		return append(dst, value{b: v.protocols})
	}},
	{name: "frame.comment", class: text, frame: func(v *view, dst []value) []value {
		for _, c := range v.packet.Frame.Comments {
			dst = append(dst, value{b: []byte(c)})
		}
		return dst
	}},
}

// protocolsOfOthers are names of protocols that are called otherwise here.
var protocolsOfOthers = map[string]string{"bootp": "dhcp", "ssl": "tls", "data": "payload", "data.data": "payload"}

// instead are names of fields that say whether something is there, and the field that is there with it.
var instead = map[string]string{
	"tcp.options.mss": "tcp.options.mss_val", "tcp.options.wscale": "tcp.options.wscale.shift",
	"tcp.options.timestamp": "tcp.options.timestamp.tsval", "http.request": "http.request.method", "http.response": "http.response.code",
}

// otherwise are names that mean something else in Wireshark than in --json, and what is meant by --json.
var otherwise = map[string]string{"tcp.seq": "tcp.seq_raw", "tcp.ack": "tcp.ack_raw"}

// found are the fields that were asked for, by their names.
var found sync.Map

// fieldOf returns the field with a name, nil where there is none.
func fieldOf(name string) *field {
	if f, ok := found.Load(name); ok {
		return f.(*field)
	}
	f := find(name)
	if f != nil {
		found.Store(name, f)
	}
	return f
}

func find(name string) *field {
	if otherwise[name] != "" {
		return nil
	}
	for i := range frameFields {
		if frameFields[i].name == name {
			return &frameFields[i]
		}
	}
	f := &field{name: name}
	switch name {
	case "tcp.payload", "udp.payload":
		f.class = octets
		f.ways[protocol(name[:3])] = carried
		return f
	case "data.len":
		f.class = number
		f.ways[decode.TypePayload], f.ways[decode.TypeFragment] = carriedLength, carriedLength
		return f
	}
	if there := instead[name]; there != "" {
		*f = *fieldOf(there)
		f.name = name
		return f
	}
	if f.definitions = decode.FieldsNamed(name); len(f.definitions) > 0 {
		if f.class = classOf(f.definitions[0].Kind); !f.sameClass() {
			f.definitions = slices.DeleteFunc(f.definitions, func(d *decode.Definition) bool { return classOf(d.Kind) != f.class })
		}
		f.width, f.unnamed = f.definitions[0].Width(), true
		for _, d := range f.definitions {
			f.width = max(f.width, d.Width())
			f.unnamed = f.unnamed && d.Unnamed()
		}
		if slices.ContainsFunc(f.definitions, func(d *decode.Definition) bool { return d.Width() == 0 }) {
			f.width = 0
		}
		f.findWays()
		return f
	}
	if other := protocolsOfOthers[name]; other != "" {
		name = other
	}
	t := protocol(name)
	if t == decode.TypeNone {
		return nil
	}
	f.class = octets
	f.ways[t] = itself
	if t == decode.TypePayload {
		f.ways[decode.TypeFragment] = itself
	}
	f.deep = !t.HasFields()
	return f
}

func (f *field) sameClass() bool {
	return !slices.ContainsFunc(f.definitions, func(d *decode.Definition) bool { return classOf(d.Kind) != f.class })
}

// protocol returns the type of layer with a name.
func protocol(name string) decode.Type {
	for t := decode.TypeNone + 1; int(t) < decode.Types; t++ {
		if t.String() == name {
			return t
		}
	}
	return decode.TypeNone
}

// prefix is the part of a name in front of the first point.
func prefix(name string) string {
	p, _, _ := strings.Cut(name, ".")
	return p
}

// findWays finds out which layers have the field.
func (f *field) findWays() {
	layered := false // a layer is called as its prefix
	for t := decode.TypeNone + 1; int(t) < decode.Types; t++ {
		switch decode.WayTo(t, f.definitions) {
		case decode.Alone:
			f.ways[t] = alone
		case decode.AmongAll:
			f.ways[t] = amongAll
		}
		for _, d := range f.definitions {
			if prefix(t.String()) == prefix(d.Key) {
				layered = true
				f.deep = f.deep || !t.HasFields()
			}
		}
	}
	f.deep = f.deep || !layered
}

// cost is how long a look at the field takes, in comparisons or so.
func (f *field) cost() int {
	switch {
	case f.frame != nil:
		return 1
	case f.deep:
		return 100
	case !slices.Contains(f.ways[:], alone) && slices.Contains(f.ways[:], amongAll):
		return 20
	}
	return 2
}

// Names returns the names of all fields and protocols, sorted, but for those that only --json has.
func Names() []string { return slices.Clone(allNames()) }

var allNames = sync.OnceValue(func() []string {
	var names []string
	for i := range frameFields {
		names = append(names, frameFields[i].name)
	}
	for t := decode.TypeNone + 1; int(t) < decode.Types; t++ {
		if name := t.String(); fieldOf(name) != nil && t != decode.TypePayload && t != decode.TypeFragment {
			names = append(names, name)
		}
	}
	keys := make(map[string]bool)
	for _, d := range decode.Definitions() {
		keys[d.Key] = true
		names = append(names, d.Key)
	}
	for _, name := range decode.ColumnNames() {
		if !keys[name] && fieldOf(name) != nil {
			names = append(names, name)
		}
	}
	for name := range instead {
		names = append(names, name)
	}
	names = append(names, "tcp.payload", "udp.payload", "data", "data.data", "data.len")
	slices.Sort(names)
	return slices.Compact(names)
})

// common tells whether a name is of what most packets have.
func common(name string) bool {
	return slices.Contains([]string{"ip", "tcp", "udp", "ipv6", "eth", "dns", "http", "tls"}, prefix(name))
}

// nearest returns the name that is most like one that there is not, "" where none is.
func nearest(name string) string {
	if len(name) > 64 {
		return ""
	}
	name = strings.ToLower(name)
	best, least := "", max(1, len(name)/4)+1
	for _, known := range allNames() {
		if len(known)-len(name) > least && !strings.HasSuffix(known, name) || len(name)-len(known) > least {
			continue
		}
		d := edlib.OSADamerauLevenshteinDistance(name, known)
		if _, last, _ := strings.Cut(known, "."); len(name) >= 4 && strings.HasSuffix(known, "."+name) || last != "" && last == name {
			d = 1 // ttl for ip.ttl
		}
		if d < least || d == least && best != "" && common(known) && !common(best) {
			best, least = known, d
		}
	}
	return best
}
