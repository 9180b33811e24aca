// Package app renders the layers above the transport, and some others, for package decode.
//
// It is a package of its own so that programs that stop at the transport layer do not link
// github.com/miekg/dns, which takes DNS names and the many record types apart. The library is called only when a
// layer is rendered, with bounded input and with its panics caught. The rest is read here: a field has to be
// shown with its place in the frame, and no library tells that. For DHCP, github.com/insomniacslk/dhcp was
// weighed and left out: besides giving no places it parses options in options without a bound and brings an LZ4
// compressor and raw sockets along.
//
// Only what one packet holds is looked at: a ClientHello in two TCP segments shows as far as the first goes. Package
// capture/flow/message puts the messages of streams together, and they are shown by the same descriptions.
package app

import "sockwire/capture/decode"

// protocol is how a protocol is shown; stream says that it came over TCP.
type protocol struct {
	line   func(b, data []byte, stream bool) ([]byte, bool)
	fields func(w *decode.FieldWriter, stream bool)
}

var protocols []protocol // by type

// show makes a protocol known, at the start of the program. Each is in a file of its own.
func show(t decode.Type, line func(b, data []byte, stream bool) ([]byte, bool), fields func(w *decode.FieldWriter, stream bool)) bool {
	for int(t) >= len(protocols) {
		protocols = append(protocols, protocol{})
	}
	protocols[t] = protocol{line, fields}
	return true
}

func shownBy(t decode.Type) (p protocol) {
	if int(t) < len(protocols) {
		p = protocols[t]
	}
	return p
}

// Shows reports whether the package shows layers of type t on a line, and whether with fields.
func Shows(t decode.Type) (line, fields bool) {
	shown := shownBy(t)
	return shown.line != nil, shown.fields != nil
}

// Renderer renders application layers; its zero value is ready, and one can serve several goroutines.
type Renderer struct{}

var _ decode.Applications = Renderer{}

// AppendLine adds what a line says of layer i, without a line end, and reports whether it could. Text from the
// packet is escaped.
func (Renderer) AppendLine(b []byte, p *decode.Packet, i int) (_ []byte, ok bool) {
	n := len(b)
	defer func() {
		if recover() != nil { // a library could not take it
			b, ok = b[:n], false
		}
	}()
	if shown := shownBy(p.Layers()[i].Type); shown.line != nil {
		return shown.line(b, p.Header(i), inStream(p, i))
	}
	return b, false
}

// AppendFields adds the fields of layer i.
func (Renderer) AppendFields(dst []decode.Field, p *decode.Packet, i int) (fields []decode.Field) {
	l := p.Layers()[i]
	w := decode.NewFieldWriter(dst, p, l.Offset, l.Offset+l.Header)
	defer func() {
		if recover() != nil {
			fields = w.Fields
		}
	}()
	if shown := shownBy(l.Type); shown.fields != nil {
		shown.fields(&w, inStream(p, i))
	}
	return w.Fields
}

// inStream reports whether layer i lies on TCP, or was put together from a stream.
func inStream(p *decode.Packet, i int) bool {
	layers := p.Layers()
	for i--; i >= 0; i-- {
		if layers[i].Type.Transport() {
			return layers[i].Type == decode.TypeTCP
		}
	}
	return layers[0].Type >= decode.TypeDNS
}

// maxText is how much of a text a line shows, in bytes.
const maxText = 128
