package decode

import "encoding/binary"

// Radiotap is the view of a radiotap header (https://www.radiotap.org), whose numbers are little-endian.
type Radiotap []byte

func (h Radiotap) Length() uint16 { return binary.LittleEndian.Uint16(h[2:]) }

// Radiotap returns the view of layer i, nil when it is another layer.
func (p *Packet) Radiotap(i int) Radiotap { return p.view(i, TypeRadiotap) }

// radiotapField says how a field of the first present word lies: its size and alignment.
type radiotapField struct{ size, align int }

// Fields of radiotap by bit of the present word.
var radiotapFields = [...]radiotapField{
	{8, 8}, {1, 1}, {1, 1}, {4, 2}, {2, 2}, {1, 1}, {1, 1}, {2, 2}, {2, 2}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, {1, 1},
	{2, 2}, {2, 2}, {1, 1}, {1, 1}, {8, 4}, {3, 1}, {8, 4}, {12, 2}, {12, 8}, {12, 2}, {12, 2}, {6, 2}, {1, 1}, {4, 2},
}

// Bits of the present word that are used here.
const (
	radiotapTSFT     = 0
	radiotapFlags    = 1
	radiotapRate     = 2
	radiotapChannel  = 3
	radiotapSignal   = 5
	radiotapNoise    = 6
	radiotapAntenna  = 11
	radiotapHasFCS   = 0x10 // in the flags field
	radiotapDataPad  = 0x20
	radiotapExtended = 1 << 31
)

// walk calls f for each field of the first present word with its bit and place.
func (h Radiotap) walk(f func(bit, off int)) {
	off := 4
	for {
		if off+4 > len(h) {
			return
		}
		word := binary.LittleEndian.Uint32(h[off:])
		off += 4
		if word&radiotapExtended == 0 {
			break
		}
	}
	present := binary.LittleEndian.Uint32(h[4:])
	for bit, x := range radiotapFields {
		if present&(1<<bit) == 0 {
			continue
		}
		off = (off + x.align - 1) &^ (x.align - 1)
		if off+x.size > len(h) {
			return
		}
		f(bit, off)
		off += x.size
	}
}

// flags returns the flags field, 0 when there is none.
func (h Radiotap) flags() (flags byte) {
	h.walk(func(bit, off int) {
		if bit == radiotapFlags {
			flags = h[off]
		}
	})
	return flags
}

func (c *cursor) radiotap(t Type, b []byte) Type {
	h := Radiotap(b)
	if h[0] != 0 {
		return c.malformed(TypeRadiotap, "the version is not 0")
	}
	n := int(h.Length())
	if n < 8 {
		return c.malformed(TypeRadiotap, "the length is less than 8")
	}
	if h = c.need(TypeRadiotap, n); h == nil {
		return TypeNone
	}
	c.add(TypeRadiotap, n)
	flags := h.flags()
	c.wlanPad = flags&radiotapDataPad != 0
	if flags&radiotapHasFCS != 0 && c.end-c.off >= 4 {
		c.end -= 4
	}
	return TypeIEEE80211
}

var (
	fRadioVersion = Define("radiotap.version", "Version", KindUint)
	fRadioLength  = Define("radiotap.length", "Header length", KindUint)
	fRadioPresent = Define("radiotap.present.word", "Present flags", KindHex).As("present").Several()
	fRadioTime    = Define("radiotap.mactime", "MAC timestamp, in µs", KindUint)
	fRadioFlags   = Define("radiotap.flags", "Flags", KindHex)
	fRadioRate    = Define("radiotap.rate", "Data rate, in 500 kbit/s", KindUint)
	fRadioFreq    = Define("radiotap.channel.freq", "Channel frequency, in MHz", KindUint)
	fRadioChannel = Define("radiotap.channel.flags", "Channel flags", KindHex)
	fRadioSignal  = Define("radiotap.signal", "Antenna signal, in -dBm", KindUint)
	fRadioNoise   = Define("radiotap.noise", "Antenna noise, in -dBm", KindUint)
	fRadioAntenna = Define("radiotap.antenna", "Antenna", KindUint)
)

func radiotapLayer(w *FieldWriter) {
	h := Radiotap(w.data)
	w.Uint(fRadioVersion, 0, 1)
	w.little(fRadioLength, 2, 2)
	for off := 4; off+4 <= len(h); off += 4 {
		if w.little(fRadioPresent, off, 4)&radiotapExtended == 0 {
			break
		}
	}
	h.walk(func(bit, off int) {
		switch bit {
		case radiotapTSFT:
			w.little(fRadioTime, off, 8)
		case radiotapFlags:
			w.Uint(fRadioFlags, off, 1)
		case radiotapRate:
			w.Uint(fRadioRate, off, 1)
		case radiotapChannel:
			w.little(fRadioFreq, off, 2)
			w.little(fRadioChannel, off+2, 2)
		case radiotapSignal:
			w.Value(fRadioSignal, off, 1, uint64(-h[off]))
		case radiotapNoise:
			w.Value(fRadioNoise, off, 1, uint64(-h[off]))
		case radiotapAntenna:
			w.Uint(fRadioAntenna, off, 1)
		}
	})
}

// little adds a little-endian number of n bytes.
func (w *FieldWriter) little(d *Definition, off, n int) uint64 {
	if off+n > len(w.data) {
		return 0
	}
	var v uint64
	for i := n - 1; i >= 0; i-- {
		v = v<<8 | uint64(w.data[off+i])
	}
	w.Value(d, off, n, v)
	return v
}

// IEEE80211 is the view of an 802.11 MAC header.
type IEEE80211 []byte

// Type is 0 for management, 1 for control, 2 for data, 3 for extension.
func (h IEEE80211) Type() uint8     { return h[0] >> 2 & 3 }
func (h IEEE80211) Subtype() uint8  { return h[0] >> 4 }
func (h IEEE80211) ToDS() bool      { return h[1]&1 != 0 }
func (h IEEE80211) FromDS() bool    { return h[1]&2 != 0 }
func (h IEEE80211) Retry() bool     { return h[1]&8 != 0 }
func (h IEEE80211) Protected() bool { return h[1]&0x40 != 0 }

// Address returns address 1 to 4, nil where the header has no such.
func (h IEEE80211) Address(n int) []byte {
	off := 4 + 6*(n-1)
	if n == 4 {
		if h.Type() != 2 || !h.ToDS() || !h.FromDS() {
			return nil
		}
		off = 24
	}
	if off+6 > len(h) {
		return nil
	}
	return h[off : off+6 : off+6]
}

// IEEE80211 returns the view of layer i, nil when it is another layer.
func (p *Packet) IEEE80211(i int) IEEE80211 { return p.view(i, TypeIEEE80211) }

// wlanHeader returns the length of the MAC header by its frame control field.
func wlanHeader(h IEEE80211) int {
	switch h.Type() {
	case 0:
		if h[1]&0x80 != 0 {
			return 28 // with HT control
		}
		return 24
	case 1:
		switch h.Subtype() {
		case 12, 13: // CTS, ACK
			return 10
		case 8, 9, 10, 11, 14, 15, 5: // block ack request and block ack, PS-Poll, RTS, CF-End, VHT NDP announcement
			return 16
		}
		return 10
	case 2:
		n := 24
		if h.ToDS() && h.FromDS() {
			n += 6
		}
		if h.Subtype()&8 != 0 {
			n += 2
			if h[1]&0x80 != 0 {
				n += 4
			}
		}
		return n
	}
	return 10
}

func (c *cursor) wlan(t Type, b []byte) Type {
	h := IEEE80211(b)
	n := wlanHeader(h)
	if h = c.need(TypeIEEE80211, n); h == nil {
		return TypeNone
	}
	c.add(TypeIEEE80211, n)
	if c.wlanPad {
		c.off = min(c.off+(-n&3), c.end)
	}
	if h.Type() != 2 || h.Protected() || h.Subtype()&4 != 0 { // not data, encrypted, or data without data
		return TypePayload
	}
	if h.Subtype()&8 != 0 { // QoS control: an A-MSDU has frames inside
		off := 24
		if h.ToDS() && h.FromDS() {
			off = 30
		}
		if h[off]&0x80 != 0 {
			return TypePayload
		}
	}
	if be16(h[22:])>>8&0xf != 0 { // a later fragment
		return TypePayload
	}
	return TypeLLC
}

var (
	fWlanType      = Define("wlan.fc.type", "Type", KindUint).As("type").Bits(4, 2).Means(wlanTypeName)
	fWlanSubtype   = Define("wlan.fc.subtype", "Subtype", KindUint).As("subtype").Bits(0, 4)
	fWlanToDS      = Define("wlan.fc.tods", "To DS", KindBool).As("to_ds")
	fWlanFromDS    = Define("wlan.fc.fromds", "From DS", KindBool).As("from_ds")
	fWlanFrag      = Define("wlan.fc.frag", "More Fragments", KindBool).As("mf")
	fWlanRetry     = Define("wlan.fc.retry", "Retry", KindBool).As("retry")
	fWlanPower     = Define("wlan.fc.pwrmgt", "Power Management", KindBool).As("power_management")
	fWlanMore      = Define("wlan.fc.moredata", "More Data", KindBool).As("more_data")
	fWlanProtected = Define("wlan.fc.protected", "Protected", KindBool).As("protected")
	fWlanDuration  = Define("wlan.duration", "Duration", KindUint)
	fWlanRA        = Define("wlan.ra", "Receiver", KindMAC)
	fWlanTA        = Define("wlan.ta", "Transmitter", KindMAC)
	fWlanDA        = Define("wlan.da", "Destination", KindMAC)
	fWlanSA        = Define("wlan.sa", "Source", KindMAC)
	fWlanBSSID     = Define("wlan.bssid", "BSS Id", KindMAC)
	fWlanFragment  = Define("wlan.frag", "Fragment Number", KindUint).As("fragment")
	fWlanSequence  = Define("wlan.seq", "Sequence Number", KindUint)
)

func wlanFields(w *FieldWriter) {
	h := IEEE80211(w.data)
	w.Add(0, fWlanType, fWlanSubtype)
	w.Note(wlanSubtype(h))
	for i, d := range [...]*Definition{fWlanProtected, fWlanMore, fWlanPower, fWlanRetry, fWlanFrag, fWlanFromDS,
		fWlanToDS} {
		w.Bit(d, 9+i)
	}
	w.little(fWlanDuration, 2, 2)
	w.Bytes(fWlanRA, 4, 6)
	if h.Type()&1 == 1 { // control and extension frames have short headers
		w.Bytes(fWlanTA, 10, 6)
		return
	}
	w.Bytes(fWlanTA, 10, 6)
	dst, src, bss := h.ends()
	w.Bytes(fWlanDA, dst, 6)
	w.Bytes(fWlanSA, src, 6)
	if bss > 0 {
		w.Bytes(fWlanBSSID, bss, 6)
	}
	w.Value(fWlanFragment, 22, 2, uint64(h[22]&15))
	w.Value(fWlanSequence, 22, 2, uint64(binary.LittleEndian.Uint16(h[22:])>>4))
}

// ends returns where the destination, source and BSS addresses are; 0 where there is none.
func (h IEEE80211) ends() (dst, src, bss int) {
	switch {
	case h.Type() != 2 || !h.ToDS() && !h.FromDS():
		return 4, 10, 16
	case h.ToDS() && h.FromDS():
		return 16, 24, 0
	case h.ToDS():
		return 16, 10, 4
	}
	return 4, 16, 10
}

func wlanTypeName(n uint64) string {
	return [...]string{"Management", "Control", "Data", "Extension"}[n&3]
}

var wlanManagement = [16]string{
	"Assoc Request", "Assoc Response", "ReAssoc Request", "ReAssoc Response",
	"Probe Request", "Probe Response", "Timing Advertisement",
	"", "Beacon", "ATIM", "Disassociation", "Authentication", "DeAuthentication", "Action", "Action No Ack", "",
}

var wlanControl = [16]string{
	2: "Trigger", 4: "Beamforming Report Poll", 5: "NDP Announcement", 7: "Control Wrapper", 8: "Block Ack Request",
	9: "Block Ack", 10: "PS-Poll", 11: "RTS", 12: "CTS", 13: "Ack", 14: "CF-End", 15: "CF-End+CF-Ack",
}

func wlanSubtype(h IEEE80211) string {
	var s string
	switch h.Type() {
	case 0:
		s = wlanManagement[h.Subtype()]
	case 1:
		s = wlanControl[h.Subtype()]
	case 2:
		switch {
		case h.Subtype()&4 != 0 && h.Subtype()&8 != 0:
			s = "QoS Null"
		case h.Subtype()&4 != 0:
			s = "Null"
		case h.Subtype()&8 != 0:
			s = "QoS Data"
		default:
			s = "Data"
		}
	}
	if s == "" {
		return "reserved"
	}
	return s
}

func (r *Printer) appendRadiotap(b []byte, p *Packet, i int) []byte {
	h := p.Radiotap(i)
	h.walk(func(bit, off int) {
		switch bit {
		case radiotapRate:
			n := uint64(h[off]) * 5
			b = append(appendUint(b, n/10), '.')
			b = append(append(b, '0'+byte(n%10)), " Mb/s "...)
		case radiotapChannel:
			b = append(appendUint(b, uint64(binary.LittleEndian.Uint16(h[off:]))), " MHz "...)
		case radiotapSignal:
			b = append(appendInt(b, int(int8(h[off]))), "dBm signal "...)
		}
	})
	return b
}

// appendWLAN adds the kind of frame and, when no upper layer tells more, its addresses.
func (r *Printer) appendWLAN(b []byte, p *Packet, i int) []byte {
	h := p.IEEE80211(i)
	next := p.next(i)
	if next == TypeLLC && !r.Link {
		return b
	}
	b = append(b, wlanSubtype(h)...)
	if h.Retry() {
		b = append(b, " (retry)"...)
	}
	if h.Type()&1 == 1 { // control and extension frames have short headers
		b = AppendMAC(append(b, " RA "...), h.Address(1))
		if a := h.Address(2); a != nil {
			b = AppendMAC(append(b, " TA "...), a)
		}
	} else {
		dst, src, _ := h.ends()
		b = AppendMAC(append(b, ' '), h[src:src+6])
		b = AppendMAC(append(b, " > "...), h[dst:dst+6])
	}
	if ssid, ok := p.ssid(i); ok {
		b = append(b, " SSID "...)
		b = AppendQuoted(b, ssid, 32)
	}
	if h.Protected() {
		b = append(b, ", protected"...)
	}
	return append(b, ", "...)
}

// ssid returns the SSID of a management frame that has one.
func (p *Packet) ssid(i int) ([]byte, bool) {
	h := p.IEEE80211(i)
	if h.Type() != 0 || h.Protected() {
		return nil, false
	}
	fixed := 0
	switch h.Subtype() {
	case 0: // assoc request
		fixed = 4
	case 2: // reassoc request
		fixed = 10
	case 4: // probe request
	case 5, 8: // probe response, beacon
		fixed = 12
	default:
		return nil, false
	}
	b := p.Payload(i)
	if len(b) < fixed+2 {
		return nil, false
	}
	b = b[fixed:]
	if n := int(b[1]); b[0] == 0 && 2+n <= len(b) {
		return b[2 : 2+n], true
	}
	return nil, false
}
