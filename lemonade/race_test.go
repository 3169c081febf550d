//go:build race

package lemonade_test

const racing = true
