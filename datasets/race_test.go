//go:build race

package datasets

const racing = true // every pixel is some ten times slower under the race detector
