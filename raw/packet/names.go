package packet

import (
	"slices"
	"strings"

	"github.com/hbollon/go-edlib"
)

// Every layer and field has one short name, which is what [Format] writes. The parser also takes the names that RFCs,
// scapy and tshark have for them, in any case, with or without underscores, and with tshark's prefix: total_length,
// hwsrc, tcp.srcport.

// commonSynonyms hold wherever the layer has a field of the short name, and none of the long one.
var commonSynonyms = map[string]string{
	"checksum": "chksum", "cksum": "chksum", "headerchecksum": "chksum", "length": "len", "sequence": "seq", "sequencenumber": "seq", "seqnum": "seq",
	"source": "src", "sourceaddress": "src", "destination": "dst", "destinationaddress": "dst", "sourceport": "sport", "srcport": "sport",
	"destinationport": "dport", "dstport": "dport", "protocol": "proto", "protocoltype": "proto", "nextheader": "nh", "nxt": "nh", "next": "nh",
	"identification": "id", "identifier": "id", "ident": "id", "ethertype": "type", "etype": "type", "ver": "version", "opts": "options", "opt": "options", "pointer": "ptr",
	"hoplimit": "hlim", "securityparametersindex": "spi", "hdrextlen": "len", "headerextensionlength": "len", "payloadlen": "len", "reserved": "res",
	"reserved1": "res1", "reserved2": "res2", "classoftraffic": "tc", "trafficclass": "tc", "integritycheckvalue": "icv",
}

var optionSynonyms = map[string]string{
	"end": "eol", "noop": "nop", "maximumsegmentsize": "mss", "windowscale": "wscale", "ws": "wscale", "sackpermitted": "sackok", "sackperm": "sackok", "timestamp": "ts", "timestamps": "ts",
	"md5sig": "md5", "tcpao": "ao", "usertimeout": "uto", "fastopen": "tfo", "recordroute": "rr", "routeralert": "ra", "jumbopayload": "jumbo", "hao": "homeaddr",
	"homeaddress": "homeaddr", "tunnelencapsulationlimit": "tunlimit", "sourcelinklayeraddress": "slla", "srclladdr": "slla", "targetlinklayeraddress": "tlla",
	"dstlladdr": "tlla", "prefixinfo": "prefix", "prefixinformation": "prefix", "redirectedheader": "redirected", "option": "opt", "object": "obj",
}

// plain strips what does not matter in a name.
func plain(name string) string {
	name = name[strings.LastIndexByte(name, '.')+1:]
	return strings.ToLower(strings.ReplaceAll(name, "_", ""))
}

// shortName returns the name of ours that is meant, or name as it is.
func shortName(name string, known func(string) bool, synonyms ...map[string]string) string {
	if known(name) {
		return name
	}
	name = plain(name)
	for _, m := range synonyms {
		if short, ok := m[name]; ok && known(short) && !known(name) {
			return short
		}
	}
	return name
}

// layerSynonyms are the names that others have for layers.
var layerSynonyms = func() map[string]string {
	m := map[string]string{"raw": "hex", "payload": "hex"}
	for _, k := range layerKinds {
		for _, also := range k.also {
			m[also] = k.name
		}
	}
	return m
}()

func isLayer(name string) bool { return slices.Contains(payloadKinds, name) || kindByName(name) != nil }

func (k *layerKind) hasField(name string) bool {
	if _, alias := k.aliases[name]; alias {
		return true
	}
	_, ok := k.field(name)
	return ok
}

// fieldName returns the name of the field of k that is meant.
func (k *layerKind) fieldName(name string) string {
	return shortName(name, k.hasField, k.synonyms, commonSynonyms)
}

// didYouMean proposes the candidates that are written much like name, else those that start as it does, else all.
func didYouMean(name string, candidates []string) string {
	var near []string
	low := plain(name)
	for limit := 1; limit <= min(2, len(low)-2) && len(low) <= 32 && near == nil; limit++ {
		for _, c := range candidates {
			if edlib.OSADamerauLevenshteinDistance(low, c) <= limit {
				near = append(near, c)
			}
		}
	}
	for n := len(low); n > 0 && near == nil; n-- {
		for _, c := range candidates {
			if strings.HasPrefix(c, low[:n]) {
				near = append(near, c)
			}
		}
	}
	if near == nil {
		near = slices.Clone(candidates)
	}
	slices.Sort(near)
	return ": there is " + strings.Join(slices.Compact(near), ", ")
}
