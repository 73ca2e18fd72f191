package cwmp

import (
	"bytes"
	"errors"
)

// Scan finds the parts of the first envelope in body. It goes by local names
// and by place alone, so every prefix and namespace will do (quirk C-50), and
// it forgives what CPEs are known to get wrong (quirk C-52). Its time is linear
// in len(body). On an error, which is a *ScanError, the message is Unknown and
// empty but for Charset.
//
// Scan reads body but keeps no part of it, and is safe for concurrent use.
func Scan(body []byte, opts Options) (Message, error) {
	r, err := newReading(body, opts.Charset)
	if err != nil {
		return Message{}, err
	}
	m, err := r.message(0, opts)
	if r.charset.wide != narrow {
		return r.restored(m, err)
	}
	return m, err
}

// ScanAll finds all envelopes in body (quirk C-56), with offsets in the whole
// of body. On an error it returns the messages before the problem.
func ScanAll(body []byte, opts Options) ([]Message, error) {
	r, err := newReading(body, opts.Charset)
	if err != nil {
		return nil, err
	}
	var all []Message
	for from := 0; ; {
		m, err := r.message(from, opts)
		if err == nil && len(all) == maxEnvelopes {
			err = &ScanError{ErrEnvelopes, from}
		}
		from = m.Rest
		if r.charset.wide != narrow {
			m, err = r.restored(m, err)
		}
		if err != nil {
			return all, err
		}
		all = append(all, m)
		if from == 0 {
			return all, nil
		}
	}
}

// reading is a body in a form that can be tokenised.
type reading struct {
	text    []byte // the body itself, or its UTF-8 form when it is UTF-16
	charset charset
}

func newReading(body []byte, hint string) (reading, error) {
	cs, err := detectCharset(body, hint)
	if err != nil {
		return reading{}, err
	}
	if cs.wide != narrow {
		body = cs.wide.decodeWide(body)
	}
	return reading{body, cs}, nil
}

// message scans the envelope at or after from.
func (r *reading) message(from int, opts Options) (Message, error) {
	if isBlank(bytes.TrimPrefix(r.text[from:], []byte("\xEF\xBB\xBF"))) {
		return Message{Kind: Empty, Charset: r.charset.name}, nil
	}
	s := scanner{tokenizer: tokenizer{src: r.text, pos: from}, charset: r.charset, opts: opts}
	s.stack, s.events, s.params = s.stackArray[:0], s.eventsArray[:0], s.paramsArray[:0]
	if err := s.envelope(); err != nil {
		return Message{Charset: r.charset.name}, err
	}
	return s.result(), nil
}

// restored returns m and err with offsets in the UTF-16 body.
func (r *reading) restored(m Message, err error) (Message, error) {
	at := []*int{&m.Declaration.Start, &m.Declaration.End, &m.Rest}
	for _, list := range [...][]Param{m.Params, m.Elements} {
		for i := range list {
			at = append(at, &list[i].At.Start, &list[i].At.End)
		}
	}
	var se *ScanError
	if errors.As(err, &se) {
		at = append(at, &se.Offset)
	}
	restore(r.text, at)
	return m, err
}
