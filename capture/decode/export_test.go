package decode

// For the tests of package decode_test, which also use package app.
var (
	CorpusFiles = corpusFiles
	ReadFrames  = readFrames
	AppendAddr  = appendAddr
	IGMPName    = igmpName
	TestFrames  = testFrames
	RenderAll   = renderAll
	Mutate      = mutate
)

const RaceEnabled = raceEnabled

// PortOf returns the first port of a protocol, 9 where it has none.
func PortOf(t Type, tcp bool) uint16 {
	list := rowOf[t].udp
	if tcp {
		list = rowOf[t].tcp
	}
	if len(list) == 0 {
		return 9
	}
	return list[0]
}
