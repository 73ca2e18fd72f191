// Package binding knows through which address each CPE behind a NAT can be
// reached. It owns the table of STUN bindings: it ties what the STUN server saw
// to devices, weighs the evidence for each tie, and keeps one binding a device
// in memory, written to the store behind everybody's back. It opens no socket
// and sends nothing.
//
// # Whose packet it is
//
// The source of a packet with CONNECTION-REQUEST-BINDING is the truth about
// where a device can be reached, but anybody can send one with any user name. So
// a packet only counts as much as what sessions of the device bear out, and
// Evidence says how much that is. A packet that is borne out by nothing leaves a
// corroborated binding alone for good, and is shown as its candidate; a session
// may turn the candidate into the binding. A user name that several devices have
// proves nothing for any of them. Between two ports of equal evidence, as a CPE
// that looks for its NAT's timeout shows them, see state.succeeds.
//
// # Memory
//
// A table holds a million devices, so their records are packed bytes without
// pointers, found by indexes of hashes: about 180 bytes a device all in all. It
// is bounded by Config.Max, and beyond an average of slotBudget bytes a device.
// Only sessions and user names that an ACS gives make a device known, so packets
// cannot fill it; those of nobody wait for a session in a table of fixed size.
//
// Find and Count read the heads of the records alone, some hundred under one lock,
// see package search; Having is for those who search devices by their bindings.
//
// # Changes
//
// Who wants to know that a device can be reached elsewhere, or no more, is told by
// Deps.Changed: at once when packets or sessions show it, and within sweepInterval
// when a binding becomes stale. Keep-alives are told to nobody and pay nothing.
//
// # Store
//
// The key binding/ID, where ID is the device's string form, has what is known of
// a device that was seen or given a user name. Its value begins with a version.
package binding
