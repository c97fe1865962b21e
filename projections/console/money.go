package console

import (
	"strconv"
	"strings"
)

// exponent says how many decimal places the minor unit of a currency has; ok is false where that is not known for sure, and
// amounts stay as they are. These are the currencies of the built-in providers (ISO 4217).
func exponent(currency string) (places int, ok bool) {
	switch currency {
	case "CLP":
		return 0, true
	case "BRL", "EUR", "MXN", "ZAR":
		return 2, true
	default:
		return 0, false
	}
}

// readable writes an amount in minor units as people do: 123456 EUR is 1,234.56 EUR. It is empty where the currency is not known.
func readable(minor int64, currency string) string {
	places, ok := exponent(currency)
	if !ok {
		return ""
	}
	digits := strconv.FormatInt(minor, 10)
	digits, negative := strings.CutPrefix(digits, "-")
	for len(digits) <= places {
		digits = "0" + digits
	}
	whole, part := digits[:len(digits)-places], digits[len(digits)-places:]
	text := thousands(whole)
	if negative {
		text = "-" + text
	}
	if places > 0 {
		text += "." + part
	}
	return text + " " + currency
}

// thousands sets a number's thousands apart.
func thousands(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
