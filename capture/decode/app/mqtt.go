package app

import "sockwire/capture/decode"

var _ = describe(decode.TypeMQTT, "MQTT", mqttFields)

var (
	fMQTTType     = decode.Define("mqtt.msgtype", "Type", decode.KindUint).As("type").Bits(0, 4).Means(mqttType).InLine(" ")
	fMQTTDup      = decode.Define("mqtt.dupflag", "DUP", decode.KindBool).As("dup").Bits(4, 1)
	fMQTTQoS      = decode.Define("mqtt.qos", "QoS", decode.KindUint).Bits(5, 2)
	fMQTTRetain   = decode.Define("mqtt.retain", "Retain", decode.KindBool).Bits(7, 1)
	fMQTTLength   = decode.Define("mqtt.len", "Remaining length", decode.KindUint).As("length")
	fMQTTProtocol = decode.Define("mqtt.protoname", "Protocol", decode.KindText).As("protocol")
	fMQTTVersion  = decode.Define("mqtt.ver", "Version", decode.KindUint).As("version").InLine(" version ")
	fMQTTKeep     = decode.Define("mqtt.kalive", "Keep alive, s", decode.KindUint).As("keep_alive")
	fMQTTClient   = decode.Define("mqtt.clientid", "Client ID", decode.KindText).As("client_id").InLine(" client ")
	fMQTTUser     = decode.Define("mqtt.username", "User", decode.KindText).As("user").InLine(" user ")
	fMQTTReturn   = decode.Define("mqtt.conack.val", "Return code", decode.KindUint).As("return_code").Means(mqttReturn).InLine(" ")
	fMQTTTopic    = decode.Define("mqtt.topic", "Topic", decode.KindText).InLine(" topic ")
	fMQTTID       = decode.Define("mqtt.msgid", "Packet ID", decode.KindUint).As("packet_id").InLine(" id ")
	fMQTTMessage  = decode.Define("mqtt.msg", "Message", decode.KindBytes).As("message")
)

// mqttFields describes a control packet (MQTT 3.1.1 section 2, and what version 5 has alike).
func mqttFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	w.Add(0, fMQTTType)
	if len(data) < 2 {
		return
	}
	kind := data[0] >> 4
	if kind == 3 {
		w.Add(0, fMQTTDup, fMQTTQoS, fMQTTRetain)
	}
	n, off := mqttVarint(data, 1)
	if off == 0 {
		return
	}
	w.Value(fMQTTLength, 1, off-1, uint64(n))
	text := func(d *decode.Definition, off int) int { // a text behind its length
		if off+2 > len(data) {
			return len(data)
		}
		n := int(data[off])<<8 | int(data[off+1])
		w.Bytes(d, off+2, n)
		return off + 2 + n
	}
	switch kind {
	case 1:
		off = text(fMQTTProtocol, off)
		version := w.Uint(fMQTTVersion, off, 1)
		if off+4 > len(data) {
			return
		}
		flags := data[off+1]
		w.Uint(fMQTTKeep, off+2, 2)
		off += 4
		if version == 5 {
			n, next := mqttVarint(data, off)
			off = next + n
			if next == 0 {
				return
			}
		}
		off = text(fMQTTClient, off)
		if flags&0x84 == 0x80 { // behind a will the place depends on more
			text(fMQTTUser, off)
		}
	case 2:
		w.Enum(fMQTTReturn, off+1, 1, mqttReturn)
	case 3:
		off = text(fMQTTTopic, off)
		if data[0]&6 != 0 {
			w.Uint(fMQTTID, off, 2)
			off += 2
		}
		if off < len(data) {
			w.Bytes(fMQTTMessage, off, -1)
		}
	case 4, 5, 6, 7, 9, 11:
		w.Uint(fMQTTID, off, 2)
	case 8, 10:
		w.Uint(fMQTTID, off, 2)
		if n > 4 && off+4 <= len(data) && data[off+2] == 0 && data[off+3] != 0 || n > 4 && off+4 <= len(data) && data[off+2] != 0 {
			text(fMQTTTopic, off+2)
		} else {
			text(fMQTTTopic, off+3) // behind the empty properties of version 5
		}
	}
}

// mqttVarint reads a number of 7 bits a byte, the least significant first, and returns where it ends; 0 where it does not.
func mqttVarint(data []byte, off int) (v, next int) {
	for i := 0; i < 4 && off+i < len(data); i++ {
		v |= int(data[off+i]&0x7f) << (7 * i)
		if data[off+i]&0x80 == 0 {
			return v, off + i + 1
		}
	}
	return 0, 0
}

var mqttType = decode.Names{
	1: "CONNECT", 2: "CONNACK", 3: "PUBLISH", 4: "PUBACK", 5: "PUBREC", 6: "PUBREL", 7: "PUBCOMP", 8: "SUBSCRIBE", 9: "SUBACK", 10: "UNSUBSCRIBE",
	11: "UNSUBACK", 12: "PINGREQ", 13: "PINGRESP", 14: "DISCONNECT", 15: "AUTH",
}.Of

var mqttReturn = decode.Names{
	0: "accepted", 1: "unacceptable protocol version", 2: "identifier rejected", 3: "server unavailable", 4: "bad user name or password",
	5: "not authorized", 0x80: "unspecified error", 0x81: "malformed packet", 0x82: "protocol error", 0x84: "unsupported protocol version",
	0x85: "client identifier not valid", 0x86: "bad user name or password", 0x87: "not authorized", 0x88: "server unavailable",
}.Of
