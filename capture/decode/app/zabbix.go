package app

import "sockwire/capture/decode"

var _ = describe(decode.TypeZabbix, "Zabbix", zabbixFields)

var (
	fZabbixFlags  = decode.Define("zabbix.flags", "Flags", decode.KindHex).At(4, 1)
	fZabbixLength = decode.Define("zabbix.length", "Length", decode.KindUint).At(5, 4).Little().InLine(" length ")
	fZabbixData   = decode.Define("zabbix.data", "Data", decode.KindText).InLine(" ")
)

// zabbixFields describes a message of server, proxy or agent: ZBXD, flags, length, and JSON or a value.
func zabbixFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) < 13 || string(data[:4]) != "ZBXD" {
		return
	}
	w.Add(0, fZabbixFlags, fZabbixLength)
	if data[4]&6 == 0 && len(data) > 13 { // neither compressed nor large
		w.Bytes(fZabbixData, 13, -1)
	}
}
