// Package capture records the conversations of single devices for a while, for
// people who want to know why a device does not do what it should. What is secret
// is masked before anything is kept. A recording lives in memory, is bounded in
// time and in size, and can be written as text and as HAR 1.2.
package capture
