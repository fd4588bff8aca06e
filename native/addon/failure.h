#pragma once
#include <string>

// What failed, for a person; empty when all went well. `code` is an errno.
struct Failure {
	int code = 0;
	std::string message;
};
