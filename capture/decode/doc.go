// Package decode takes frames apart: a [Decoder] fills a [Packet] with the layers of a
// [capture.Frame], and the renderers turn a Packet into one line, a field tree, hex or JSON.
//
// # Layers
//
// A Packet holds its layers as one flat list, outermost first. A [Layer] says what it is and where it
// lies in the frame; tunnels of any nesting keep every layer, up to [MaxLayers]. Headers are read
// through typed views, such as [IPv4] and [TCP], which are the header's own bytes with methods named
// after the fields of the RFC. Nothing is copied out of the frame and decoding allocates nothing, so a
// Packet is valid as long as the frame's Data.
//
// A layer that is cut or malformed ends the decoding with an [*Error] that names the layer, the
// offset and the kind of fault; all layers before it stand.
//
// # Why not gopacket
//
// gopacket's DecodingLayerParser decodes a layer of each kind once, so the inner header of a tunnel
// overwrites the outer one; it panics on hostile input, knows neither LINKTYPE_LINUX_SLL2 nor
// LINKTYPE_IPV4, and costs several times as much a packet. Decoding is what this project is about, so
// the headers are read here. gopacket users are served by the adapter in package capture/gopackets, and the
// tests use tshark as the judge of every field.
//
// # Fields
//
// [Packet.AppendFields] describes the fields of a layer: RFC name, the key that display filters use
// for it, its place to the bit, and its value. The tree, the hex with its borders and the JSON are all
// made from this one description. The line has code of its own, for speed.
//
// # Hostile input
//
// Frames are input from outside. Lengths in a frame are only ever compared, never trusted: no read
// goes past the captured bytes, no memory grows with a length field, and the work per frame is bounded
// by its captured length and MaxLayers. Renderers escape what is text in a packet, see [AppendEscaped].
package decode
