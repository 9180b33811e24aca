package app

import (
	"encoding/binary"

	"sockwire/capture/decode"
)

var _ = describe(decode.TypeX11, "X11", x11Fields)

var (
	fX11Order   = decode.Define("x11.byte-order", "Byte order", decode.KindText).As("byte_order").At(0, 1)
	fX11Major   = decode.Define("x11.protocol-major-version", "Major version", decode.KindUint).As("major").InLine(" connection setup ")
	fX11Minor   = decode.Define("x11.protocol-minor-version", "Minor version", decode.KindUint).As("minor").InLine(".")
	fX11Auth    = decode.Define("x11.authorization-protocol-name", "Authorization protocol", decode.KindText).As("authorization").InLine(" ")
	fX11Success = decode.Define("x11.success", "Success", decode.KindUint).At(0, 1).
			Means(decode.Names{0: "failed", 1: "success", 2: "authenticate"}.Of).InLine(" ")
	fX11Opcode = decode.Define("x11.opcode", "Request", decode.KindUint).As("request").At(0, 1).Means(x11Request).InLine(" ")
	fX11Event  = decode.Define("x11.eventcode", "Event", decode.KindUint).As("event").Bits(1, 7).Means(x11Event).InLine(" ")
	fX11Error  = decode.Define("x11.errorcode", "Error", decode.KindUint).As("error").At(1, 1).Means(x11Error).InLine(" error ")
)

// x11Fields describes the setup of a connection, or a request. The byte order is that of the client, which only the setup
// says: elsewhere it is told by the length, and what neither fits is an event, an error or a reply.
func x11Fields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) < 8 {
		return
	}
	order := x11Order(data)
	if (data[0] == 'l' || data[0] == 'B') && data[1] == 0 && order != nil && order.Uint16(data[2:]) == 11 {
		w.Add(0, fX11Order)
		w.Value(fX11Major, 2, 2, uint64(order.Uint16(data[2:])))
		w.Value(fX11Minor, 4, 2, uint64(order.Uint16(data[4:])))
		if len(data) >= 12 {
			w.Bytes(fX11Auth, 12, int(order.Uint16(data[6:])))
		}
		return
	}
	if data[0] <= 1 && (binary.LittleEndian.Uint16(data[2:]) == 11 || binary.BigEndian.Uint16(data[2:]) == 11) {
		w.Add(0, fX11Success)
		return
	}
	fits := func(o binary.ByteOrder) bool { // a request has its length in words, and here its end
		n := 4 * int(o.Uint16(data[2:]))
		return n >= 4 && (n == len(data) || n+4 <= len(data) && data[n] != 0)
	}
	switch {
	case data[0] > 1 && (fits(binary.LittleEndian) || fits(binary.BigEndian)) && x11Request(uint64(data[0])) != "":
		w.Add(0, fX11Opcode)
	case data[0] == 0 && len(data)%32 == 0:
		w.Add(0, fX11Error)
	case data[0] == 1:
		w.Value(fX11Event, 0, 0, 1)
		w.Note("reply")
	case len(data)%32 == 0 && x11Event(uint64(data[0]&0x7f)) != "":
		w.Add(0, fX11Event)
	}
}

func x11Order(data []byte) binary.ByteOrder {
	switch data[0] {
	case 'l':
		return binary.LittleEndian
	case 'B':
		return binary.BigEndian
	}
	return nil
}

var x11Request = decode.Names{
	1: "CreateWindow", 2: "ChangeWindowAttributes", 3: "GetWindowAttributes", 4: "DestroyWindow", 5: "DestroySubwindows", 6: "ChangeSaveSet",
	7: "ReparentWindow", 8: "MapWindow", 9: "MapSubwindows", 10: "UnmapWindow", 12: "ConfigureWindow", 13: "CirculateWindow", 14: "GetGeometry",
	15: "QueryTree", 16: "InternAtom", 17: "GetAtomName", 18: "ChangeProperty", 19: "DeleteProperty", 20: "GetProperty", 21: "ListProperties",
	22: "SetSelectionOwner", 23: "GetSelectionOwner", 24: "ConvertSelection", 25: "SendEvent", 26: "GrabPointer", 27: "UngrabPointer",
	28: "GrabButton", 31: "GrabKeyboard", 33: "GrabKey", 35: "AllowEvents", 36: "GrabServer", 37: "UngrabServer", 38: "QueryPointer",
	40: "TranslateCoords", 42: "SetInputFocus", 43: "GetInputFocus", 45: "OpenFont", 46: "CloseFont", 47: "QueryFont", 49: "ListFonts",
	53: "CreatePixmap", 54: "FreePixmap", 55: "CreateGC", 56: "ChangeGC", 60: "FreeGC", 61: "ClearArea", 62: "CopyArea", 65: "PolyLine",
	66: "PolySegment", 67: "PolyRectangle", 70: "PolyFillRectangle", 72: "PutImage", 73: "GetImage", 74: "PolyText8", 76: "ImageText8",
	78: "CreateColormap", 84: "AllocColor", 85: "AllocNamedColor", 91: "QueryColors", 92: "LookupColor", 93: "CreateCursor",
	94: "CreateGlyphCursor", 95: "FreeCursor", 97: "QueryBestSize", 98: "QueryExtension", 99: "ListExtensions", 101: "GetKeyboardMapping",
	103: "GetKeyboardControl", 104: "Bell", 108: "GetScreenSaver", 119: "GetModifierMapping", 127: "NoOperation",
}.Of

var x11Event = decode.Names{
	2: "KeyPress", 3: "KeyRelease", 4: "ButtonPress", 5: "ButtonRelease", 6: "MotionNotify", 7: "EnterNotify", 8: "LeaveNotify", 9: "FocusIn",
	10: "FocusOut", 11: "KeymapNotify", 12: "Expose", 13: "GraphicsExpose", 14: "NoExpose", 15: "VisibilityNotify", 16: "CreateNotify",
	17: "DestroyNotify", 18: "UnmapNotify", 19: "MapNotify", 20: "MapRequest", 21: "ReparentNotify", 22: "ConfigureNotify",
	23: "ConfigureRequest", 28: "PropertyNotify", 29: "SelectionClear", 30: "SelectionRequest", 31: "SelectionNotify", 32: "ColormapNotify",
	33: "ClientMessage", 34: "MappingNotify", 35: "GenericEvent",
}.Of

var x11Error = decode.Names{
	1: "BadRequest", 2: "BadValue", 3: "BadWindow", 4: "BadPixmap", 5: "BadAtom", 6: "BadCursor", 7: "BadFont", 8: "BadMatch", 9: "BadDrawable",
	10: "BadAccess", 11: "BadAlloc", 12: "BadColormap", 13: "BadGC", 14: "BadIDChoice", 15: "BadName", 16: "BadLength", 17: "BadImplementation",
}.Of
