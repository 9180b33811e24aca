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
	if h.Type() == 0 && !h.Protected() && h[22]&15 == 0 { // management: all of it
		c.add(TypeIEEE80211, max(n, min(len(c.data), c.end)-c.off))
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
	wlanBodyFields(w, h)
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
	b = appendWLANBody(b, h)
	if h.Protected() {
		b = append(b, ", protected"...)
	}
	if next == TypeNone && h.Type() == 0 {
		return appendInt(append(b, ", length "...), p.layers[i].Length-wlanHeader(h))
	}
	return append(b, ", "...)
}

// The body of 802.11 management frames (IEEE 802.11 section 9.3.3): fixed fields and elements.

var (
	fWlanTimestamp = Define("wlan.fixed.timestamp", "Timestamp, in us", KindUint).As("timestamp")
	fWlanInterval  = Define("wlan.fixed.beacon_interval", "Beacon Interval, in 1024 us", KindUint).As("beacon_interval")
	fWlanCaps      = Define("wlan.fixed.capabilities", "Capability Information", KindHex).As("capabilities")
	fWlanPrivacy   = Define("wlan.fixed.capabilities.privacy", "Privacy", KindBool).As("privacy")
	fWlanListen    = Define("wlan.fixed.listen_ival", "Listen Interval", KindUint).As("listen_interval")
	fWlanCurrent   = Define("wlan.fixed.current_ap", "Current AP Address", KindMAC).As("current_ap")
	fWlanStatus    = Define("wlan.fixed.status_code", "Status Code", KindUint).As("status").Means(wlanStatus)
	fWlanAID       = Define("wlan.fixed.aid", "Association ID", KindUint).As("association_id")
	fWlanReason    = Define("wlan.fixed.reason_code", "Reason Code", KindUint).As("reason").Means(wlanReason)
	fWlanAuth      = Define("wlan.fixed.auth.alg", "Authentication Algorithm", KindUint).As("auth_algorithm").Means(wlanAuth)
	fWlanAuthSeq   = Define("wlan.fixed.auth_seq", "Authentication Transaction Sequence", KindUint).As("auth_sequence")
	fWlanCategory  = Define("wlan.fixed.category_code", "Category", KindUint).As("category").Means(wlanCategory)
	fWlanAction    = Define("wlan.fixed.action_code", "Action", KindUint).As("action")
	fWlanElement   = Define("wlan.element", "Element", KindGroup).As("elements").Several()
	fWlanID        = Define("wlan.tag.number", "Element ID", KindUint).As("id").At(0, 1).Means(wlanElement)
	fWlanLength    = Define("wlan.tag.length", "Length", KindUint).As("length").At(1, 1)
	fWlanSSID      = Define("wlan.ssid", "SSID", KindText)
	fWlanRate      = Define("wlan.supported_rates", "Supported Rate, in 500 kb/s", KindUint).As("rates").Several().At(0, 1)
	fWlanRateExt   = Define("wlan.extended_supported_rates", "Supported Rate, in 500 kb/s", KindUint).
			As("extended_rates").Several().At(0, 1)
	fWlanChannel  = Define("wlan.ds.current_channel", "Current Channel", KindUint).As("channel")
	fWlanCountry  = Define("wlan.country_info.code", "Country", KindText).As("country")
	fWlanHTInfo   = Define("wlan.ht.info.primarychannel", "Primary Channel", KindUint).As("primary_channel")
	fWlanRSNVer   = Define("wlan.rsn.version", "RSN Version", KindUint).As("version")
	fWlanRSNGroup = Define("wlan.rsn.group_cipher", "Group Cipher Suite", KindHex).As("group_cipher").At(0, 4).Means(wlanCipher)
	fWlanRSNPair  = Define("wlan.rsn.pairwise_cipher", "Pairwise Cipher Suite", KindHex).As("pairwise_ciphers").
			Several().At(0, 4).Means(wlanCipher)
	fWlanRSNAKM  = Define("wlan.rsn.akm", "AKM Suite", KindHex).As("akms").Several().At(0, 4).Means(wlanAKM)
	fWlanOUI     = Define("wlan.tag.oui", "OUI", KindHex).As("oui")
	fWlanTagData = Define("wlan.tag.value", "Value", KindBytes).As("data")
)

// fixed returns how many bytes of fixed fields a management frame has before its elements; -1 where it has none that
// are known.
func (h IEEE80211) fixed() int {
	switch h.Subtype() {
	case 0: // association request
		return 4
	case 1, 3, 11: // association responses, authentication
		return 6
	case 2: // reassociation request
		return 10
	case 4: // probe request
		return 0
	case 5, 8: // probe response, beacon
		return 12
	case 10, 12: // disassociation, deauthentication
		return 2
	}
	return -1
}

// body returns the body of a management frame, nil of another, and of one that is protected or a later fragment.
func (h IEEE80211) body() []byte {
	if h.Type() != 0 || h.Protected() || len(h) < 24 || h[22]&15 != 0 {
		return nil
	}
	return h[wlanHeader(h):]
}

// wlanElements calls f for the elements of a management frame.
func wlanElements(body []byte, fixed int, f func(id byte, off, n int)) {
	if fixed < 0 {
		return
	}
	for off := fixed; off+2 <= len(body); {
		n := int(body[off+1])
		if off+2+n > len(body) {
			return
		}
		f(body[off], off, n)
		off += 2 + n
	}
}

func wlanBodyFields(w *FieldWriter, h IEEE80211) {
	body := h.body()
	if len(body) == 0 {
		return
	}
	at := len(h) - len(body)
	caps := func(off int) {
		w.little(fWlanCaps, off, 2)
		if off < len(w.data) {
			w.Bit(fWlanPrivacy, 8*off+3)
		}
	}
	noted := func(d *Definition, off int) {
		if off+2 <= len(w.data) {
			w.little(d, off, 2)
			w.Note(d.meaning(uint64(w.data[off]) | uint64(w.data[off+1])<<8))
		}
	}
	switch h.Subtype() {
	case 0, 2:
		caps(at)
		w.little(fWlanListen, at+2, 2)
		if h.Subtype() == 2 {
			w.Bytes(fWlanCurrent, at+4, 6)
		}
	case 1, 3:
		caps(at)
		noted(fWlanStatus, at+2)
		if at+6 <= len(w.data) { // the two highest bits are always set
			w.Value(fWlanAID, at+4, 2, uint64(w.data[at+4])|uint64(w.data[at+5]&0x3f)<<8)
		}
	case 5, 8:
		w.little(fWlanTimestamp, at, 8)
		w.little(fWlanInterval, at+8, 2)
		caps(at + 10)
	case 10, 12:
		noted(fWlanReason, at)
	case 11:
		noted(fWlanAuth, at)
		w.little(fWlanAuthSeq, at+2, 2)
		noted(fWlanStatus, at+4)
	case 13, 14:
		w.Enum(fWlanCategory, at, 1, wlanCategory)
		w.Uint(fWlanAction, at+1, 1)
	}
	wlanElements(body, h.fixed(), func(id byte, off, n int) {
		off += at
		w.Group(fWlanElement, off, 2+n)
		w.Add(off, fWlanID, fWlanLength)
		wlanElementFields(w, id, off+2, n)
		w.End()
	})
}

func wlanElementFields(w *FieldWriter, id byte, off, n int) {
	switch {
	case n == 0:
	case id == 0:
		w.Bytes(fWlanSSID, off, n)
	case id == 1:
		w.Each(fWlanRate, off, off+n, 1)
	case id == 50:
		w.Each(fWlanRateExt, off, off+n, 1)
	case id == 3:
		w.Uint(fWlanChannel, off, 1)
	case id == 7 && n >= 3:
		w.Bytes(fWlanCountry, off, 2)
	case id == 61:
		w.Uint(fWlanHTInfo, off, 1)
	case id == 48 && n >= 6:
		w.little(fWlanRSNVer, off, 2)
		w.Add(off+2, fWlanRSNGroup)
		at := off + 6
		for _, d := range [...]*Definition{fWlanRSNPair, fWlanRSNAKM} {
			if at+2 > off+n {
				return
			}
			count := int(w.data[at]) | int(w.data[at+1])<<8
			at += 2
			end := min(at+4*count, off+n)
			w.Each(d, at, end, 4)
			at = end
		}
	case id == 221 && n >= 3:
		w.Uint(fWlanOUI, off, 3)
		if n > 3 {
			w.Bytes(fWlanTagData, off+3, n-3)
		}
	default:
		w.Bytes(fWlanTagData, off, n)
	}
}

// appendWLANBody adds what a management frame says.
func appendWLANBody(b []byte, h IEEE80211) []byte {
	body := h.body()
	little := func(off int) uint64 { return uint64(body[off]) | uint64(body[off+1])<<8 }
	fixed := h.fixed()
	if len(body) < max(fixed, 2) {
		return b
	}
	switch h.Subtype() {
	case 1, 3:
		b = AppendName(append(b, ", "...), wlanStatus(little(2)), "status ", little(2))
		b = appendUint(append(b, ", AID "...), little(4)&0x3fff)
	case 5, 8:
		if little(10)&0x10 != 0 {
			b = append(b, ", privacy"...)
		}
	case 10, 12:
		b = AppendName(append(b, ", "...), wlanReason(little(0)), "reason ", little(0))
	case 11:
		b = AppendName(append(b, ", "...), wlanAuth(little(0)), "algorithm ", little(0))
		b = appendUint(append(b, ", seq "...), little(2))
		if s := little(4); s != 0 {
			b = AppendName(append(b, ", "...), wlanStatus(s), "status ", s)
		}
	case 13, 14:
		b = AppendName(append(b, ", "...), wlanCategory(uint64(body[0])), "category ", uint64(body[0]))
		b = appendUint(append(b, " action "...), uint64(body[1]))
	}
	wlanElements(body, fixed, func(id byte, off, n int) {
		switch {
		case id == 0:
			b = AppendQuoted(append(b, ", SSID "...), body[off+2:off+2+n], 32)
		case id == 3 && n == 1:
			b = appendUint(append(b, ", channel "...), uint64(body[off+2]))
		case id == 48 && n >= 6:
			b = append(b, ", RSN"...)
		}
	})
	return b
}

var wlanElement = Names{
	0: "SSID", 1: "Supported Rates", 2: "FH Parameter Set", 3: "DS Parameter Set", 4: "CF Parameter Set", 5: "TIM",
	6: "IBSS Parameter Set", 7: "Country", 11: "BSS Load", 16: "Challenge text", 32: "Power Constraint",
	33: "Power Capability", 35: "TPC Report", 36: "Supported Channels", 37: "Channel Switch Announcement", 40: "Quiet",
	42: "ERP", 45: "HT Capabilities", 46: "QoS Capability", 48: "RSN", 50: "Extended Supported Rates", 51: "AP Channel Report",
	54: "Mobility Domain", 55: "Fast BSS Transition", 59: "Supported Operating Classes", 61: "HT Operation",
	70: "RM Enabled Capabilities", 72: "20/40 BSS Coexistence", 74: "Overlapping BSS Scan Parameters",
	107: "Interworking", 108: "Advertisement Protocol", 113: "Mesh Configuration", 114: "Mesh ID",
	127: "Extended Capabilities", 191: "VHT Capabilities", 192: "VHT Operation", 195: "Transmit Power Envelope",
	199: "Operating Mode Notification", 201: "Reduced Neighbor Report", 221: "Vendor Specific", 255: "Extension",
}.Of

var wlanStatus = Names{
	0: "Successful", 1: "Unspecified failure", 10: "Cannot support all capabilities", 11: "Reassociation denied",
	12: "Association denied", 13: "Authentication algorithm not supported", 14: "Authentication sequence out of order",
	15: "Challenge failure", 16: "Authentication timeout", 17: "AP is full", 18: "Rates not supported",
	30: "Association denied temporarily", 40: "Invalid element", 41: "Invalid group cipher",
	42: "Invalid pairwise cipher", 43: "Invalid AKMP", 53: "Invalid PMKID", 76: "Anti-clogging token required",
	126: "SAE hash to element",
}.Of

var wlanReason = Names{
	1: "Unspecified reason", 2: "Authentication no longer valid", 3: "Station is leaving", 4: "Inactivity",
	5: "AP cannot handle all stations", 6: "Class 2 frame from unauthenticated station",
	7: "Class 3 frame from unassociated station", 8: "Station is leaving the BSS",
	9: "Station is not authenticated", 13: "Invalid element", 14: "MIC failure", 15: "4-way handshake timeout",
	16: "Group key handshake timeout", 17: "Element differs in 4-way handshake", 18: "Invalid group cipher",
	19: "Invalid pairwise cipher", 20: "Invalid AKMP", 23: "802.1X authentication failed", 24: "Cipher suite rejected",
	34: "Poor channel conditions",
}.Of

var wlanAuth = Names{0: "Open System", 1: "Shared Key", 2: "Fast BSS Transition", 3: "SAE", 128: "Network EAP"}.Of

var wlanCategory = Names{
	0: "Spectrum Management", 1: "QoS", 2: "DLS", 3: "Block Ack", 4: "Public", 5: "Radio Measurement",
	6: "Fast BSS Transition", 7: "HT", 8: "SA Query", 10: "WNM", 13: "Mesh", 14: "Multihop", 15: "Self-protected", 21: "VHT",
	127: "Vendor-specific",
}.Of

// wlanCipher and wlanAKM name suite selectors: an organization and a type.
var wlanCipher = Names{
	0x000fac00: "use group cipher", 0x000fac01: "WEP-40", 0x000fac02: "TKIP", 0x000fac04: "CCMP-128", 0x000fac05: "WEP-104",
	0x000fac06: "BIP-CMAC-128", 0x000fac08: "GCMP-128", 0x000fac09: "GCMP-256", 0x000fac0a: "CCMP-256",
}.Of

var wlanAKM = Names{
	0x000fac01: "802.1X", 0x000fac02: "PSK", 0x000fac03: "FT over 802.1X", 0x000fac04: "FT with PSK",
	0x000fac05: "802.1X with SHA-256", 0x000fac06: "PSK with SHA-256", 0x000fac08: "SAE", 0x000fac09: "FT over SAE",
	0x000fac12: "OWE",
}.Of
