package simnet

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/acsgate/acsgate/internal/httpwire"
)

// reply is one reply as it was received.
type reply struct {
	head string
	httpwire.Response
	body []byte
	ends bool // the connection ends with it
}

const (
	maxReplyHead = 256 << 10
	maxReplyBody = 64 << 20
	maxInterim   = 10
)

// receive reads one reply and holds it against the rules of the make. Interim
// replies are skipped, but with untilContinue the first one returns.
func (l *line) receive(rules *Rules, untilContinue bool) (*reply, error) {
	for range maxInterim {
		r := &reply{}
		var err error
		if r.head, err = httpwire.ReadHead(l.br, maxReplyHead); err != nil {
			return nil, receiveError(err)
		}
		if err := rules.checkHead(r.head); err != nil {
			return nil, err
		}
		if err := httpwire.ParseResponse(r.head, &r.Response); err != nil {
			return nil, fmt.Errorf("reply of the ACS: %w", err)
		}
		if r.Status/100 == 1 {
			if untilContinue {
				return r, nil
			}
			continue
		}
		return r, l.receiveBody(r, rules)
	}
	return nil, errors.New("ACS sends interim replies without end")
}

func (l *line) receiveBody(r *reply, rules *Rules) error {
	if err := rules.checkReply(&r.Response); err != nil {
		return err
	}
	framing, err := r.Framing()
	if err != nil {
		return fmt.Errorf("reply of the ACS: %w", err)
	}
	keepsAlive := r.Minor > 0 || r.Fields.Token("Connection", "keep-alive")
	r.ends = framing.ToEOF || !keepsAlive || r.Fields.Token("Connection", "close")
	r.body, err = httpwire.ReadBody(l.br, framing, maxReplyBody, nil, nil)
	if err != nil {
		return fmt.Errorf("body of the ACS's reply: %w", err)
	}
	return nil
}

func receiveError(err error) error {
	if errors.Is(err, io.EOF) || isReset(err) {
		return errClosed
	}
	return err
}

// statusError is the error for a reply that is no success.
func statusError(r *reply) error {
	seconds, err := strconv.Atoi(r.Fields.Get("Retry-After"))
	if err != nil {
		seconds = 0
	}
	return &StatusError{Status: r.Status, RetryAfter: time.Duration(seconds) * time.Second}
}

// isEmpty reports whether a reply carries nothing.
func (r *reply) isEmpty() bool { return len(trimEnvelope(r.body)) == 0 }

// mediaError tells an ACS's answer in plain words, such as an HTML page.
func mediaError(fields httpwire.Fields, cause error) error {
	return fmt.Errorf("%w (Content-Type %q)", cause, fields.Get("Content-Type"))
}
