//go:build !linux

package connreq

import "syscall"

// lateBind does nothing: only Linux can choose the local port late.
func lateBind(_, _ string, _ syscall.RawConn) error { return nil }
