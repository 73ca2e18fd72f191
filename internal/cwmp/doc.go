// Package cwmp says what CWMP (TR-069) messages are and where their parts lie
// in the bytes. It scans envelopes tolerantly, splices text into them without
// touching any other byte, and builds the few envelopes that the gateway sends
// itself. It does no I/O, keeps no state and never reads the clock.
package cwmp
