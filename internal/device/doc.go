// Package device is the registry: what the gateway knows of each CPE. It owns
// the soft state, such as the last Inform and the connection request URL, which
// it keeps in memory and writes to the store behind everybody's back, and the
// durable state, the assignment to an ACS. It never makes a session wait for the
// store, decides nothing about routes, and does not speak to CPEs.
//
// # Memory
//
// A registry holds a million devices, so their records are not Go values but
// packed bytes without pointers, in slots of few sizes, found by an index of
// hashes; strings that many devices share are kept once. About 120 bytes a
// device are typical. What an Internet full of made-up devices can take is
// bounded by Config.MaxDevices: beyond it, and beyond an average of
// slotBudget bytes a device, new devices are served but not recorded, and
// counted. Devices that are known are updated as ever. Informs should be noted
// once an ACS has accepted them, so that made-up ones do not get that far.
//
// # Searches
//
// Find reads the packed records one after the other on all processors, a chunk of
// them under a shard's lock, until its page is full: see package search. Nothing of
// a record becomes a Go value that is not on the page. Names that filters want are
// numbers when the scan begins, serial numbers are compared where they lie, and
// each name that has a text in it is known before, so that a text is looked for in
// what is a device's own alone. Records begin with what searches ask for. Of a
// million devices that takes some 40 to 100 ms of processor time if all are read.
// What is not here, such as bindings, is asked of others by Query.Match, for many
// devices together; who has devices and wants them filtered takes a Tester.
//
// # Store
//
//	device/ID   soft state: one record per device, replaced as a whole
//	assign/ID   assignment: written by compare-and-swap alone
//
// ID is the device's string form. The two are kept apart so that writing behind
// can never undo an assignment. Values begin with a version and go on with
// tagged fields (see codec.go); fields that are not known are skipped, and
// values of an unknown version or damaged ones are left out and counted.
//
// What changes at another pace or must be kept secret is not here: STUN bindings
// are in package binding, secrets in package credential.
package device
