// Package binding knows through which address each CPE behind a NAT can be
// reached. It owns the table of STUN bindings: it ties what the STUN server saw
// to devices, weighs the evidence for each tie, and keeps one binding a device
// in memory, written to the store behind everybody's back. It opens no socket
// and sends nothing.
package binding
