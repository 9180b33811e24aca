package main

import (
	"sockwire/capture"
	"sockwire/capture/flow/message"
)

// secrets gives a parser those that there are: with --keylog in any case, to say what is missing.
func (o *options) secrets(p *message.Parser) {
	if p.Secrets == nil && (o.keylogFile != "" || o.keys.Any()) {
		p.Secrets = o.keys
	}
}

// learnSecrets takes those that a file holds.
func (o *options) learnSecrets(list []capture.Secrets) {
	for _, s := range list {
		if s.Type == capture.SecretsTLS {
			o.keys.Add(s.Data)
		}
	}
}
