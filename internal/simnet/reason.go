package simnet

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
)

// Reason puts the error of a session into one of a small number of words, for
// counting. It returns "" for nil.
func Reason(err error) string {
	var broken *Violation
	var status *StatusError
	var fault *FaultError
	var tlsErr *TLSError
	var nameErr *net.DNSError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &broken):
		return "quirk " + broken.Quirk
	case errors.As(err, &status):
		return "status " + strconv.Itoa(status.Status)
	case errors.As(err, &fault):
		return "fault " + fault.Code
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, errHungUp):
		return "hung up by the CPE"
	case errors.As(err, &nameErr) && nameErr.IsNotFound:
		return "no such host"
	case errors.As(err, &tlsErr):
		return "tls handshake"
	case errors.Is(err, errClosed) || errors.Is(err, errStale):
		return "closed without a reply"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "reply cut short"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE):
		return "too many open files here"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "no free port here"
	}
	return "unusable reply"
}
