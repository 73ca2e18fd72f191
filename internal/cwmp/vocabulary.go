package cwmp

import "strings"

// textSize returns how much room the strings are likely to take, so that one
// allocation will do.
func (s *scanner) textSize() int {
	size := s.leaves[nodeID].len() + min(s.leaves[nodeFaultString].len(), maxIdentifier)
	for _, e := range s.events {
		size += e.value.len()
	}
	for _, p := range s.params {
		size += p.name.len() + p.value.len()
	}
	for _, e := range s.elements {
		size += e.at.len()
	}
	return size
}

// text returns the text at a span, without the white space around it.
func (s *scanner) text(at Span) string { return appendString(&s.texts, s.plain(at)) }

// word is the text, but spares the copy of a word of the standard.
func (s *scanner) word(text []byte) string {
	if word, ok := vocabulary[string(text)]; ok {
		return word
	}
	return appendString(&s.texts, text)
}

// appendString returns text as a string in the memory of b, which only ever
// appends.
func appendString(b *strings.Builder, text []byte) string {
	if len(text) == 0 {
		return ""
	}
	mark := b.Len()
	b.Write(text)
	return b.String()[mark:]
}

// vocabulary holds the texts that most messages are made of.
var vocabulary = func() map[string]string {
	words := []string{
		"soap-env", "SOAP-ENV", "soapenv", "soap_env", "soap", "SOAP", "env", "s", "cwmp",
		"urn:dslforum-org:cwmp-1-0", "urn:dslforum-org:cwmp-1-1", "urn:dslforum-org:cwmp-1-2",
		"urn:dslforum-org:cwmp-1-3", "urn:dslforum-org:cwmp-1-4",
		"string", "boolean", "int", "unsignedInt", "long", "unsignedLong", "dateTime",
		"base64", "base64Binary", "hexBinary", "Client", "Server",
	}
	words = append(words, eventCodes()...)
	all := make(map[string]string, 2*len(words))
	for _, w := range words {
		all[w] = w
	}
	for m := range methodNames {
		all[m] = m
	}
	for code := range faultTexts {
		all[code] = code
	}
	return all
}()
