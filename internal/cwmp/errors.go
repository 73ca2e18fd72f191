package cwmp

import (
	"errors"
	"fmt"
)

// The problems that Scan and ScanAll report, to be tested with errors.Is. None
// of them is a reason to refuse a message: what cannot be parsed is passed on
// unread (quirk C-52).
var (
	ErrNotSOAP   = errors.New("no SOAP envelope")
	ErrSyntax    = errors.New("not well-formed")
	ErrTruncated = errors.New("ends inside the envelope")
	ErrDTD       = errors.New("holds a DTD, which is never expanded")
	ErrDepth     = errors.New("nested too deeply")
	ErrTokens    = errors.New("too many tags")
	ErrEnvelopes = errors.New("too many envelopes")
	ErrTooLong   = errors.New("identifier too long")
	ErrAmbiguous = errors.New("more than one identity")
	ErrCharset   = errors.New("unsupported charset")
)

// ScanError says where in the body a scan ended.
type ScanError struct {
	Err    error // one of the Err values of this package
	Offset int   // bytes from the start of the body
}

// Error implements error.
func (e *ScanError) Error() string {
	return fmt.Sprintf("message: %v (byte %d)", e.Err, e.Offset)
}

// Unwrap returns the reason.
func (e *ScanError) Unwrap() error { return e.Err }

// scanErrors gives each reason its bounded name.
var scanErrors = [...]struct {
	err  error
	name string
}{
	{ErrNotSOAP, "not_soap"},
	{ErrSyntax, "syntax"},
	{ErrTruncated, "truncated"},
	{ErrDTD, "dtd"},
	{ErrDepth, "depth"},
	{ErrTokens, "tokens"},
	{ErrEnvelopes, "envelopes"},
	{ErrTooLong, "too_long"},
	{ErrAmbiguous, "ambiguous"},
	{ErrCharset, "charset"},
}

// ScanReason names the reason of an error of Scan by one of a bounded set of
// words, fit for a metric label: "" for nil, "other" for a foreign error.
func ScanReason(err error) string {
	if err == nil {
		return ""
	}
	for _, r := range scanErrors {
		if errors.Is(err, r.err) {
			return r.name
		}
	}
	return "other"
}
