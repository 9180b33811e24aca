// Package whole holds the tests of the commands as their users have them: built programs with pipes, signals and each
// other at their ends.
package whole
