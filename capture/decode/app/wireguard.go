package app

import (
	"encoding/binary"
	"strconv"

	"sockwire/capture/decode"
)

var _ = show(decode.TypeWireGuard, wireguardLine, wireguardFields)

var (
	fWGType      = decode.Define("wg.type", "Type", decode.KindUint).At(0, 1).Means(wireguardName)
	fWGSender    = decode.Define("wg.sender", "Sender", decode.KindHex).At(4, 4)
	fWGReceiver  = decode.Define("wg.receiver", "Receiver", decode.KindHex)
	fWGEphemeral = decode.Define("wg.ephemeral", "Ephemeral", decode.KindBytes)
	fWGStatic    = decode.Define("wg.encrypted_static", "Encrypted static", decode.KindBytes)
	fWGTimestamp = decode.Define("wg.encrypted_timestamp", "Encrypted timestamp", decode.KindBytes)
	fWGEmpty     = decode.Define("wg.encrypted_empty", "Encrypted empty", decode.KindBytes)
	fWGCounter   = decode.Define("wg.counter", "Counter", decode.KindUint)
	fWGNonce     = decode.Define("wg.nonce", "Nonce", decode.KindBytes)
	fWGCookie    = decode.Define("wg.encrypted_cookie", "Encrypted cookie", decode.KindBytes)
	fWGMAC1      = decode.Define("wg.mac1", "mac1", decode.KindBytes)
	fWGMAC2      = decode.Define("wg.mac2", "mac2", decode.KindBytes)
)

var wireguardName = decode.Names{1: "Handshake Initiation", 2: "Handshake Response", 3: "Cookie Reply", 4: "Transport Data"}.Of

// little adds a number of n bytes whose first byte is the lowest.
func little(w *decode.FieldWriter, d *decode.Definition, off, n int) {
	data := w.Data()
	if off+n > len(data) {
		return
	}
	var v uint64
	for i := n - 1; i >= 0; i-- {
		v = v<<8 | uint64(data[off+i])
	}
	w.Value(d, off, n, v)
}

// wireguardFields describes the messages of section 5.4 of the WireGuard paper.
func wireguardFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fWGType)
	data := w.Data()
	if len(data) == 0 {
		return
	}
	switch data[0] {
	case 1:
		little(w, fWGSender, 4, 4)
		w.Bytes(fWGEphemeral, 8, 32)
		w.Bytes(fWGStatic, 40, 48)
		w.Bytes(fWGTimestamp, 88, 28)
		w.Bytes(fWGMAC1, 116, 16)
		w.Bytes(fWGMAC2, 132, 16)
	case 2:
		little(w, fWGSender, 4, 4)
		little(w, fWGReceiver, 8, 4)
		w.Bytes(fWGEphemeral, 12, 32)
		w.Bytes(fWGEmpty, 44, 16)
		w.Bytes(fWGMAC1, 60, 16)
		w.Bytes(fWGMAC2, 76, 16)
	case 3:
		little(w, fWGReceiver, 4, 4)
		w.Bytes(fWGNonce, 8, 24)
		w.Bytes(fWGCookie, 32, 32)
	case 4:
		little(w, fWGReceiver, 4, 4)
		little(w, fWGCounter, 8, 8)
	}
}

func wireguardLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 8 {
		return b, false
	}
	b = decode.AppendName(append(b, "WireGuard, "...), wireguardName(uint64(data[0])), "type ", uint64(data[0]))
	index := func(name string, off int) {
		b = strconv.AppendUint(append(append(b, name...), " 0x"...), uint64(binary.LittleEndian.Uint32(data[off:])), 16)
	}
	switch {
	case data[0] == 1:
		index(", sender", 4)
	case data[0] == 2 && len(data) >= 12:
		index(", sender", 4)
		index(", receiver", 8)
	case data[0] == 3:
		index(", receiver", 4)
	case data[0] == 4 && len(data) >= 16:
		index(", receiver", 4)
		b = strconv.AppendUint(append(b, ", counter "...), binary.LittleEndian.Uint64(data[8:]), 10)
		if len(data) == 32 { // nothing but what makes it sure
			b = append(b, ", keepalive"...)
		}
	}
	return b, true
}
