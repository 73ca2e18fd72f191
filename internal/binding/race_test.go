//go:build race

package binding

const raceDetector = true
