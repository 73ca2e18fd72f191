// Package provision gives CPEs what they need to be reached: it decides which of
// them are to have STUN switched on in a session, or taken back, and remembers
// what was tried on each (quirk S-41).
//
// An attempt is known in memory before the CPE is asked to set anything, and in
// the store about a second later. What a gateway that is killed in between has
// tried is tried once more; nothing that goes on by itself asks a CPE more often
// than policy.STUNRecord allows. What the CPE had before is lost with it, and is
// then not given back.
package provision
