// Package search has what searches through a million packed records share: how
// they are divided among the processors, the cursors of their pages, and how a
// text is found in bytes. It knows no record and takes no lock.
//
// A search reads all records, unless its page is full before: an index for each
// thing that can be asked for would cost each session more than a scan of packed
// records costs those who search. A scan is divided into parts, which the
// processors take one after the other; one of them stays free for sessions.
// Whoever scans a part takes its lock for a few hundred records at a time, and
// lets others have the processor between two parts.
package search
