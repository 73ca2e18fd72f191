package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ErrInvalid wraps why what was asked for cannot be read, such as a cursor: 400.
var ErrInvalid = errors.New("not valid")

// problem is an error as RFC 9457 has it. Its type is always about:blank, by which
// the title is the phrase of the status (RFC 9457 4.2.1).
type problem struct {
	Type   string         `json:"type"`
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Detail string         `json:"detail,omitempty"`
	Errors []fieldProblem `json:"errors,omitempty"` // each bad field or parameter

	after time.Duration // until it is worth to ask again
	allow string        // methods, for 405
}

// fieldProblem is what is wrong with one field of a body or one query parameter.
type fieldProblem struct {
	Name   string `json:"name"`
	Detail string `json:"detail"`
}

func (p *problem) Error() string { return p.Detail }

// refuse returns a problem.
func refuse(status int, format string, args ...any) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)}
}

// refuseFields returns the problem of bad fields, nil where there are none.
func refuseFields(what string, fields []fieldProblem) error {
	if len(fields) == 0 {
		return nil
	}
	texts := make([]string, 0, len(fields))
	for _, f := range fields {
		texts = append(texts, f.Name+": "+f.Detail)
	}
	p := refuse(http.StatusBadRequest, "%s: %s", what, strings.Join(texts, "; "))
	p.Errors = fields
	return p
}

// StatusOf returns the status that tells of an error, and the time after which it is
// worth to ask again, 0 where it is not.
func StatusOf(err error) (status int, after time.Duration) {
	p := problemOf(err)
	return p.Status, p.after
}

// problemOf returns the problem that an error is.
func problemOf(err error) *problem {
	var p *problem
	var large *http.MaxBytesError
	var many *TooManyError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &large):
		return refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", large.Limit)
	case errors.As(err, &many):
		p = refuse(http.StatusTooManyRequests, "%v", many)
		p.after = many.After
		return p
	case errors.Is(err, ErrBusy):
		p = refuse(http.StatusServiceUnavailable, "%v", err)
		p.after = 5 * time.Second
		return p
	case errors.Is(err, context.DeadlineExceeded):
		return refuse(http.StatusServiceUnavailable, "it took too long: %v", err)
	}
	for _, known := range []struct {
		err    error
		status int
	}{
		{ErrUnknownDevice, http.StatusNotFound}, {ErrUnknownCampaign, http.StatusNotFound},
		{ErrUnknownCapture, http.StatusNotFound}, {ErrRefused, http.StatusConflict},
		{ErrConflict, http.StatusPreconditionFailed}, {ErrInvalid, http.StatusBadRequest},
	} {
		if errors.Is(err, known.err) {
			return refuse(known.status, "%v", err)
		}
	}
	return refuse(http.StatusInternalServerError, "%v", err)
}

// fail answers with a problem document.
func fail(w http.ResponseWriter, err error) {
	p := problemOf(err)
	setHeaders(w, "application/problem+json")
	if p.after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(p.after.Seconds()))))
	}
	if p.allow != "" {
		w.Header().Set("Allow", p.allow)
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="acsgate"`)
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

// answer answers with a JSON document.
func answer(w http.ResponseWriter, status int, document any) error {
	setHeaders(w, "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document)
	return nil
}
