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
