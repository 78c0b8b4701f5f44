// Automation tests: Tools > Session Frontend > Automation > Dreamport, or
//   UnrealEditor-Cmd Project.uproject -ExecCmds="Automation RunTests Dreamport; Quit" -unattended -nullrhi
// They need no backend.

#include "Core/Backend.h"
#include "Core/Geometry.h"
#include "Core/Input.h"
#include "DreamportModule.h"
#include "DreamportNative.h"
#include "DreamportViewRays.h"
#include "Misc/AutomationTest.h"

#if WITH_DEV_AUTOMATION_TESTS

namespace
{
	constexpr EAutomationTestFlags Flags = EAutomationTestFlags::EditorContext | EAutomationTestFlags::ClientContext | EAutomationTestFlags::EngineFilter;
}

IMPLEMENT_SIMPLE_AUTOMATION_TEST(FDreamportLibraryTest, "Dreamport.Library", Flags)
bool FDreamportLibraryTest::RunTest(const FString&)
{
	TestTrue(TEXT("the native library is loaded"), FDreamportModule::Get().IsNativeReady());
	return true;
}

IMPLEMENT_SIMPLE_AUTOMATION_TEST(FDreamportInputTest, "Dreamport.Input", Flags)
bool FDreamportInputTest::RunTest(const FString&)
{
	Dreamport::Core::InputSamples Input;
	Input.SetButton(2, true);
	Input.SetButton(2, false);
	Input.AddLook(3.0f, 0.0f);
	dp_control Control{};
	Input.Take(Control);
	TestEqual(TEXT("a tap is pressed"), Control.pressed, 4u);
	TestEqual(TEXT("and no longer held"), Control.buttons, 0u);
	TestEqual(TEXT("the turn is there"), Control.look_yaw_deg, 3.0f);
	Input.Take(Control);
	TestEqual(TEXT("and not twice"), Control.look_yaw_deg, 0.0f);
	TestEqual(TEXT("nor the press"), Control.pressed, 0u);
	return true;
}

IMPLEMENT_SIMPLE_AUTOMATION_TEST(FDreamportPoseTest, "Dreamport.Pose", Flags)
bool FDreamportPoseTest::RunTest(const FString&)
{
	const FTransform Camera(FRotator(-10.0, 35.0, 0.0), FVector(120.0, -340.0, 165.0));
	const dp_engine_pose Anchor = Dreamport::EnginePose(FTransform(FRotator(0.0, 90.0, 0.0), FVector(1000.0, 0.0, 20.0)));
	const dp_engine_pose Engine = Dreamport::EnginePose(Camera);
	dp_pose Level{};
	dp_engine_pose Back{};
	dp_pose_from_engine(DP_ENGINE_UNREAL, &Anchor, 1.0, &Engine, &Level);
	dp_pose_to_engine(DP_ENGINE_UNREAL, &Anchor, 1.0, &Level, &Back);
	TestTrue(TEXT("a pose comes back"), Dreamport::TransformFrom(Back).Equals(Camera, 1.0e-3));
	return true;
}

IMPLEMENT_SIMPLE_AUTOMATION_TEST(FDreamportRaysTest, "Dreamport.Rays", Flags)
bool FDreamportRaysTest::RunTest(const FString&)
{
	// A view at the origin that looks along +X, with the engine's own axes: x right, y up, z forward.
	const FMatrix InvView(FPlane(0.0, 1.0, 0.0, 0.0), FPlane(0.0, 0.0, 1.0, 0.0), FPlane(1.0, 0.0, 0.0, 0.0), FPlane(0.0, 0.0, 0.0, 1.0));
	const FReversedZPerspectiveMatrix Projection(0.25 * UE_PI, 1.0f, 1.0f, 10.0f);
	const FDreamportViewRays Rays = FDreamportViewRays::Make(InvView, Projection, FTransform::Identity, 1.0);
	TestTrue(TEXT("forward is the level's z"), Rays.Forward.Equals(FVector3f(0.0f, 0.0f, 1.0f), 1.0e-5f));
	TestTrue(TEXT("right is the level's x"), Rays.Right.Equals(FVector3f(1.0f, 0.0f, 0.0f), 1.0e-5f));
	TestTrue(TEXT("up is against the level's y"), Rays.Up.Equals(FVector3f(0.0f, -1.0f, 0.0f), 1.0e-5f));
	return true;
}

IMPLEMENT_SIMPLE_AUTOMATION_TEST(FDreamportBackendTest, "Dreamport.Backend", Flags)
bool FDreamportBackendTest::RunTest(const FString&)
{
	Dreamport::Core::BackendPlan Plan;
	Plan.Ensure("127.0.0.1:50700", true);
	TestTrue(TEXT("looks first"), Plan.Next() == Dreamport::Core::BackendAction::Probe);
	Plan.OnProbe(DP_PROBLEM_BACKEND_ABSENT, "");
	TestTrue(TEXT("then starts"), Plan.Next() == Dreamport::Core::BackendAction::Start);
	Plan.OnLine("{\"address\": \"127.0.0.1:50700\", \"pid\": 7}");
	TestTrue(TEXT("and runs"), Plan.State() == Dreamport::Core::BackendState::Running);
	return true;
}

#endif
