// Package admin serves the operator's listener: metrics and health. It owns
// that listener and nothing else: what is healthy is decided by the functions
// that the composition root passes in. It is no part of the path of a CPE and
// never changes the gateway's state.
package admin
