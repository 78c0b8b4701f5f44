// The test program: scenarios by name, results as lines of JSON. test_unreal_plugin.py runs it and knows what must come out.

#include <cstdio>

#include "scenarios.h"

namespace Scenario
{
	int Failed = 0;

	void Expect(bool bHolds, const char* What)
	{
		if (!bHolds)
		{
			std::printf("{\"failed\": \"%s\"}\n", What);
			++Failed;
		}
	}
}

int main(int Count, char** Words)
{
	GDynamicRHI = new FDynamicRHI();
	Stub::OnLog = [](ELogVerbosity::Type Verbosity, const FString& Text)
	{
		if (Verbosity <= ELogVerbosity::Warning)
		{
			std::fprintf(stderr, "log: %s\n", Stub::Narrow(*Text).c_str());
		}
	};
	const std::string Name = Count > 1 ? Words[1] : "";
	const std::vector<std::string> Arguments(Words + std::min(Count, 2), Words + Count);
	const std::map<std::string, void (*)(const std::vector<std::string>&)> All = {
		{"unit", Scenario::Unit}, {"play", Scenario::Play}, {"camera", Scenario::Camera}, {"record", Scenario::Record},
		{"path", Scenario::Path}, {"cycles", Scenario::Cycles}, {"backend", Scenario::Backend}, {"samples", Scenario::Samples}};
	const auto Found = All.find(Name);
	if (Found == All.end())
	{
		std::fprintf(stderr, "no scenario %s\n", Name.c_str());
		return 2;
	}
	Found->second(Arguments);
	if (FModuleManager::Loaded().count("Dreamport") == 1)
	{
		FModuleManager::Unload("Dreamport");
	}
	FlushRenderingCommands();
	Stub::CollectGarbage();
	FlushRenderingCommands();
	return Scenario::Failed == 0 ? 0 : 1;
}
