package report

import (
	"encoding/hex"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
)

// layerData is a layer of a packet: its fields, each with its place in the frame.
type layerData struct {
	Title  string      `json:"title"`
	At     int         `json:"at"`
	Length int         `json:"length"`
	Fields []fieldData `json:"fields"`
}

type fieldData struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
	Bit   int    `json:"bit"`
	Bits  int    `json:"bits"` // 0 for what is not in the frame but computed
	Depth uint8  `json:"depth,omitempty"`
}

// maxBytes is how much of a frame a page holds.
const maxBytes = 4096

// tree returns a frame's layers and its bytes in hexadecimal; nothing for nil.
func tree(f *capture.Frame) (layers []layerData, bytes string) {
	if f == nil {
		return nil, ""
	}
	var d decode.Decoder
	var p decode.Packet
	_ = d.Decode(*f, &p) // a fault is the last layer of what is there
	var fields []decode.Field
	for i, l := range p.Layers() {
		data := layerData{Title: l.Type.Title(), At: l.Offset, Length: l.Header, Fields: []fieldData{}}
		if l.Type == decode.TypePayload || l.Type == decode.TypeFragment {
			data.Length = l.Length
		}
		if l.Flags&decode.Quoted != 0 {
			data.Title += " (quoted)"
		}
		if fields = p.AppendFields(fields[:0], i); len(fields) == 0 {
			fields = app.Renderer{}.AppendFields(fields, &p, i)
		}
		for k := range fields {
			f := &fields[k]
			field := fieldData{Name: f.Name, Bit: f.Bit, Bits: f.Bits, Depth: f.Depth}
			if f.Kind != decode.KindGroup {
				field.Value = string(decode.AppendValue(nil, f))
			}
			data.Fields = append(data.Fields, field)
		}
		layers = append(layers, data)
	}
	if err := p.Err(); err != nil {
		layers = append(layers, layerData{Title: "! " + err.Error(), Fields: []fieldData{}})
	}
	return layers, hex.EncodeToString(f.Data[:min(len(f.Data), maxBytes)])
}
