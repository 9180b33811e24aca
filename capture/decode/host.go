package decode

// What hosts capture of the buses inside them.

// usb decodes the header of Linux's usbmon (Documentation/usb/usbmon.rst), which is in the byte order of the capturing
// host; that of other orders than the usual one is not told. The longer form has 16 bytes more, and descriptors of
// isochronous transfers behind it.
func (c *cursor) usb(t Type, h []byte) Type {
	n := len(h)
	if t == TypeUSBMmapped {
		if more := int(leUint32(h[60:])); more > 0 && more <= (min(len(c.data), c.end)-c.off-n)/16 {
			n += 16 * more
		}
	}
	c.add(t, n)
	return TypePayload
}

var (
	fUSBID        = Define("usb.urb_id", "URB id", KindHex).At(0, 8).Little()
	fUSBType      = Define("usb.urb_type", "URB type", KindHex).At(8, 1).Means(usbType)
	fUSBTransfer  = Define("usb.transfer_type", "Transfer type", KindHex).At(9, 1).Means(usbTransfer)
	fUSBEndpoint  = Define("usb.endpoint_address", "Endpoint", KindHex).At(10, 1)
	fUSBDevice    = Define("usb.device_address", "Device", KindUint).At(11, 1)
	fUSBBus       = Define("usb.bus_id", "Bus", KindUint).At(12, 2).Little()
	fUSBSetup     = Define("usb.setup_flag", "Device setup request", KindHex).At(14, 1)
	fUSBData      = Define("usb.data_flag", "Data flag", KindHex).At(15, 1)
	fUSBSeconds   = Define("usb.urb_ts_sec", "Seconds", KindUint).At(16, 8).Little()
	fUSBMicro     = Define("usb.urb_ts_usec", "Microseconds", KindUint).At(24, 4).Little()
	fUSBURBLength = Define("usb.urb_len", "URB length", KindUint).At(32, 4).Little()
	fUSBLength    = Define("usb.data_len", "Data length", KindUint).At(36, 4).Little()
)

var (
	usbType     = Names{'S': "submit", 'C': "complete", 'E': "error"}.Of
	usbTransfer = Names{0: "isochronous", 1: "interrupt", 2: "control", 3: "bulk"}.Of
)

// usbPcap decodes the header that USBPcap captures on Windows; it says how long it is.
func (c *cursor) usbPcap(t Type, h []byte) Type {
	n := int(leUint16(h))
	if n < len(h) {
		return c.malformed(t, "the header length is less than 27")
	}
	if c.need(t, n) == nil {
		return TypeNone
	}
	c.limit(c.add(t, n), n+int(min(leUint32(h[23:]), 1<<30)))
	return TypePayload
}

var (
	fPcapLength   = Define("usb.usbpcap_header_len", "Header length", KindUint).As("header_length").At(0, 2).Little()
	fPcapID       = Define("usb.irp_id", "IRP id", KindHex).At(2, 8).Little()
	fPcapStatus   = Define("usb.usbd_status", "Status", KindHex).As("status").At(10, 4).Little()
	fPcapFunction = Define("usb.function", "URB function", KindHex).At(14, 2).Little()
	fPcapInfo     = Define("usb.irp_info", "IRP information", KindHex).At(16, 1)
)

// usbPcapFields are those that usbmon has too, at other places.
func usbPcapFields(w *FieldWriter) {
	w.Uint(fUSBBus, 17, 2)
	w.Bits(fUSBDevice, 19*8, 8, nil)
	w.Uint(fUSBEndpoint, 21, 1)
	w.Enum(fUSBTransfer, 22, 1, usbTransfer)
	w.Uint(fUSBLength, 23, 4)
}

var (
	fHCIDirection = Define("hci_h4.direction", "Direction", KindHex).At(3, 1).Means(Names{0: "sent", 1: "received"}.Of)
	fHCIType      = Define("hci_h4.type", "Packet type", KindHex).Means(hciType).At(0, 1)
)

var hciType = Names{1: "command", 2: "ACL data", 3: "SCO data", 4: "event", 5: "ISO data"}.Of

func hciFields(w *FieldWriter, off int) {
	if off > 0 {
		w.Add(0, fHCIDirection)
	}
	w.Add(off, fHCIType)
}
