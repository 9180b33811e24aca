package message

// HTTP says of a message of HTTP/1 what its body is. The texts are borrowed like Message.Data.
type HTTP struct {
	Request bool
	Method  []byte // of the request; for a response that of the request that it answers, nil where that was not seen
	Target  []byte // the same
	Host    []byte // the same
	Status  int    // of a response
	// BodyLength is how long the body is: -1 where only its end tells. Chunked says that it comes in chunks.
	BodyLength int64
	Chunked    bool
	// ContentType, Encoding and Disposition are the fields Content-Type, Content-Encoding and Content-Disposition.
	// Range: the body is a part of what the target is (status 206).
	ContentType, Encoding, Disposition []byte
	// Complete: the body is all here. Only of a message that has ended.
	Complete bool

	method method
}

// method is what is kept of a request until its response comes.
type method struct {
	name         string
	target, host string
}
