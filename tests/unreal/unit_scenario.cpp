// What needs no backend.

#include <cstring>

#include "Backend/DreamportBackend.h"
#include "Core/Backend.h"
#include "Core/Capture.h"
#include "Core/Diagnostics.h"
#include "Core/Geometry.h"
#include "Core/Input.h"
#include "DreamportComposite.h"
#include "DreamportCompositeShader.h"
#include "DreamportScreenMaterial.h"
#include "DreamportViewRays.h"
#include "SDreamportPlot.h"
#include "scenarios.h"

using namespace Dreamport::Core;

namespace
{
	void Automation()
	{
		for (FAutomationTestBase* Test : FAutomationTestBase::All())
		{
			Test->RunTest(FString());
			for (const std::string& Failure : Test->Failures)
			{
				Scenario::Expect(false, (Test->Name + ": " + Failure).c_str());
			}
		}
		Scenario::Expect(FAutomationTestBase::All().size() == 5, "five automation tests are registered");
	}

	void Inputs()
	{
		dp_world World{};
		World.button_count = 2;
		Dreamport::Core::CopyText(World.buttons[0].name, "forward");
		Dreamport::Core::CopyText(World.buttons[1].name, "jump");
		Scenario::Expect(FindButton(World, "JUMP") == 1 && FindButton(World, "jum") == -1 && FindButton(World, "jumps") == -1, "buttons are found by their whole name");
		Scenario::Expect(std::strcmp(KeyName("KeyW"), "W") == 0 && std::strcmp(KeyName("ShiftLeft"), "LeftShift") == 0 && KeyName("Nonsense") == nullptr, "keys have Unreal's names");
		InputSamples Input;
		Input.SetButton(0, true);
		Input.SetButton(40, true);
		Input.AddLook(2.0f, 1.0f);
		dp_control Control{};
		Input.Take(Control);
		Scenario::Expect(Control.buttons == 1 && Control.pressed == 1 && !Input.HasNews(), "a press is taken once");
		Input.GiveBack(Control);
		dp_control Again{};
		Input.Take(Again);
		Scenario::Expect(Again.pressed == 1 && Again.look_yaw_deg == 2.0f && Again.look_pitch_deg == 1.0f, "what could not be sent is due again");
		Input.SetButton(0, true);
		Input.Take(Again);
		Scenario::Expect(Again.pressed == 0 && Again.buttons == 1, "a held button is not pressed again");
		char Cut[4];
		Dreamport::Core::CopyText(Cut, "ab\xC3\xA4");
		Scenario::Expect(std::strcmp(Cut, "ab") == 0, "text is cut between characters");
	}

	void Decisions()
	{
		BackendPlan Plan;
		Plan.Ensure("10.0.0.2:50051", true);
		Scenario::Expect(Plan.Next() == BackendAction::Probe && Plan.Next() == BackendAction::None, "one probe");
		Plan.OnProbe(DP_PROBLEM_BACKEND_ABSENT, "");
		Scenario::Expect(Plan.State() == BackendState::Failed && Plan.Next() == BackendAction::None && std::strstr(Plan.Message(), "another machine") != nullptr, "nothing is started for another machine");
		Plan.Ensure("127.0.0.1:50051", false);
		Plan.OnProbe(DP_PROBLEM_BACKEND_ABSENT, "");
		Scenario::Expect(Plan.State() == BackendState::Failed && std::strstr(Plan.Message(), "dreamport serve") != nullptr, "nothing is started when that is off");
		Plan.Ensure("127.0.0.1:50051", true);
		Plan.OnProbe(DP_PROBLEM_TOKEN, "wrong token");
		Scenario::Expect(Plan.State() == BackendState::Failed && std::strcmp(Plan.Message(), "wrong token") == 0, "a backend that refuses is not doubled");
		Plan.Ensure("127.0.0.1:50051", true);
		Plan.OnProbe(DP_PROBLEM_NONE, "");
		Scenario::Expect(Plan.State() == BackendState::Attached && Plan.Next() == BackendAction::Probe && !Plan.OwnsProcess(), "one that runs is used");
		Plan.Ensure("localhost:50051", true);
		Plan.Next();
		Plan.OnProbe(DP_PROBLEM_BACKEND_ABSENT, "");
		Scenario::Expect(Plan.Next() == BackendAction::Start && Plan.State() == BackendState::Starting, "one is started");
		Plan.Ensure("localhost:50051", true);
		Scenario::Expect(Plan.Next() == BackendAction::None, "and only one");
		Plan.OnLine("2026-01-01 [info] loading");
		Plan.OnExit(3);
		Scenario::Expect(Plan.State() == BackendState::Failed && std::strstr(Plan.Message(), "loading") != nullptr, "its last words are told");
		BackendReady Ready;
		Scenario::Expect(ParseReadyLine("{\"address\": \"127.0.0.1:42253\", \"web_url\": null, \"pid\": 16028, \"worlds\": [\"a\", {\"b\": [1, \"}\"]}], \"executor\": \"openvino\", \"device\": \"C\\\"PU\", \"precision\": \"bf16\", \"fallback_reason\": null}\r\n", Ready), "the ready line is read");
		Scenario::Expect(std::strcmp(Ready.Address, "127.0.0.1:42253") == 0 && Ready.ProcessId == 16028 && std::strcmp(Ready.Device, "C\"PU") == 0 && Ready.FallbackReason[0] == 0, "with its fields");
		for (const char* Bad : {"", "{", "{}", "{\"address\"", "{\"address\": \"x", "{\"pid\": 1}", "{\"a\": [", "[1]", "{\"address\": \"x\" \"y\"}"})
		{
			Scenario::Expect(!ParseReadyLine(Bad, Ready), "other lines are not");
		}
		Scenario::Expect(PortOf("127.0.0.1:50051") == 50051 && PortOf("[::1]:7") == 7 && PortOf("host") == -1 && PortOf("host:") == -1 && PortOf("h:99999") == -1, "ports are read");
	}

	void Rows()
	{
		const uint8_t From[] = {1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 9, 10, 11, 12, 13, 14, 15, 16, 0, 0, 0, 0};
		uint8_t To[16];
		CopyRows(To, 8, From, 12, 2, 2, true);
		const uint8_t Swapped[] = {3, 2, 1, 4, 7, 6, 5, 8, 11, 10, 9, 12, 15, 14, 13, 16};
		Scenario::Expect(std::memcmp(To, Swapped, 16) == 0, "B, G, R, A becomes R, G, B, A");
		CopyRows(To, 8, From, 12, 2, 2, false);
		Scenario::Expect(To[0] == 1 && To[8] == 9, "rows lose their padding");
		// An off-axis projection: 1.2 times the focal length to the right, a quarter of the picture up.
		const FReversedZPerspectiveMatrix Projection(0.7f, 320.0f, 192.0f, 10.0f);
		double Values[16];
		std::memcpy(Values, Projection.M, sizeof(Values));
		Values[8] = 0.25;
		Values[9] = -0.5;
		const dp_intrinsics In = IntrinsicsFromUnreal(Values, 320, 192);
		Scenario::Expect(std::abs(In.fx - 160.0 * Values[0]) < 1e-9 && std::abs(In.fy - 96.0 * Values[5]) < 1e-9, "focal lengths come from the projection");
		Scenario::Expect(std::abs(In.cx - 160.0 * 1.25) < 1e-9 && std::abs(In.cy - 96.0 * 1.5) < 1e-9, "and its centre");
	}

	void Ring()
	{
		dp_recorder_options Options = Sized<dp_recorder_options>();
		Options.width = 16;
		Options.height = 16;
		Options.colour_format = DP_COLOUR_RAW_RGBA;
		Options.frame_rate = 30.0;
		Options.intrinsics = {8.0, 8.0, 8.0, 8.0};
		Options.queue_frames = 16;
		// Nobody listens at the discard port; frames wait.
		Dreamport::Core::CopyText(Options.endpoint.address, "127.0.0.1:9");
		Options.endpoint.struct_size = sizeof(Options.endpoint);
		Dreamport::Core::CopyText(Options.dataset, "ring");
		Dreamport::Core::CopyText(Options.licence, "CC0-1.0");
		int32_t Status = DP_OK;
		const std::shared_ptr<Recorder> Owner = Recorder::Create(Options, Status);
		const dp_episode_options Episode = Sized<dp_episode_options>();
		Scenario::Expect(Owner != nullptr && dp_recorder_begin(Owner->Handle(), &Episode) == DP_OK, "a recorder begins without a backend");
		CaptureRing Frames(Owner);
		uint8_t* First = nullptr;
		for (uint32_t Count = 0; Count < CaptureRing::Slots; ++Count)
		{
			CaptureSlot* Slot = Frames.Open();
			Scenario::Expect(Slot != nullptr && Slot->Index == Count, "slots in order");
			First = Count == 0 ? Slot->Buffer.colour : First;
			Slot->Frame.pose.orientation[3] = Count == 3 ? 0.0 : 1.0;
			Frames.Commit();
		}
		Scenario::Expect(Frames.Open() == nullptr && Frames.Dropped() == 1, "a full ring drops the frame");
		Scenario::Expect(Frames.Oldest()->Buffer.colour == First, "and does not touch the slot that is read");
		Scenario::Expect(Frames.Submit() == DP_OK && Frames.OnTheirWay() == 3 && Frames.Oldest()->Index == 1, "the oldest goes first");
		Frames.Cancel();
		Scenario::Expect(Frames.Dropped() == 2 && Frames.Oldest()->Index == 2, "what never comes is dropped");
		Scenario::Expect(Frames.Submit() == DP_OK && Frames.Submit() == DP_ERROR_ARGUMENT && Frames.Dropped() == 3, "a frame that is refused is dropped too");
		dp_recorder_stats Statistics{};
		dp_recorder_statistics(Owner->Handle(), &Statistics);
		Scenario::Expect(Statistics.submitted == 2, "two frames are with the recorder");
	}

	void Composite()
	{
		FStubGame Game;
		UTexture2D* Colour = UTexture2D::CreateTransient(8, 4, PF_R8G8B8A8);
		Colour->UpdateResource();
		UTexture2D* Depth = UTexture2D::CreateTransient(8, 4, PF_G16);
		Depth->UpdateResource();
		auto Extension = FSceneViewExtensions::NewExtension<FDreamportCompositeExtension>(Game.World);
		const FSceneViewExtensionContext Context{Game.World};
		Scenario::Expect(!Extension->IsActiveThisFrame(Context), "no pass without a frame");
		FDreamportCompositeFrame Frame;
		Frame.Pass = EDreamportCompositePass::Depth;
		Frame.Anchor = FTransform(FRotator(0.0, 90.0, 0.0), FVector(100.0, 0.0, 0.0));
		Frame.Scale = 2.0;
		Extension->SetFrame(Frame, Colour, nullptr);
		Scenario::Expect(!Extension->IsActiveThisFrame(Context), "nor by depth without depth");
		Extension->SetFrame(Frame, Colour, Depth);
		FlushRenderingCommands();
		Scenario::Expect(Extension->IsActiveThisFrame(Context) && !Extension->IsActiveThisFrame({NewObject<UWorld>()}), "only in its own world");

		FSceneView View;
		// At (100, 0, 200), looking along +Y, which is the level's forward with this anchor.
		View.ViewMatrices.InvView = FMatrix(FPlane(-1.0, 0.0, 0.0, 0.0), FPlane(0.0, 0.0, 1.0, 0.0), FPlane(0.0, 1.0, 0.0, 0.0), FPlane(100.0, 0.0, 200.0, 1.0));
		View.ViewMatrices.Projection = FReversedZPerspectiveMatrix(0.25f * UE_PI, 2.0f, 1.0f, 10.0f);
		FDreamportPassDelegateArray Passes;
		Extension->SubscribeToPostProcessingPass(ISceneViewExtension::EPostProcessingPass::FXAA, View, Passes, true);
		View.bIsSceneCapture = true;
		Extension->SubscribeToPostProcessingPass(ISceneViewExtension::EPostProcessingPass::Tonemap, View, Passes, true);
		Scenario::Expect(Passes.Num() == 0, "only after the tonemapper, and not in scene captures");
		View.bIsSceneCapture = false;
		Extension->SubscribeToPostProcessingPass(ISceneViewExtension::EPostProcessingPass::Tonemap, View, Passes, true);
		Scenario::Expect(Passes.Num() == 1, "one pass");

		FDreamportCompositePS::FParameters Seen{};
		int Draws = 0;
		Stub::OnDrawScreenPass = [&](const void* Parameters) { Seen = *static_cast<const FDreamportCompositePS::FParameters*>(Parameters); ++Draws; };
		FRDGBuilder Builder;
		FRDGTexture Scene{64, 32};
		FRDGTexture BackBuffer{64, 32};
		FPostProcessMaterialInputs Inputs;
		Inputs.StubSceneColor.Texture = &Scene;
		Inputs.OverrideOutput = FScreenPassRenderTarget(&BackBuffer);
		const FScreenPassTexture Out = Passes[0].Execute(Builder, View, Inputs);
		Scenario::Expect(Draws == 1 && Out.Texture == &BackBuffer && Seen.RenderTargets[0].Texture == &BackBuffer, "it draws into the override output");
		Scenario::Expect(Seen.ViewerPosition.Equals(FVector3f(0.0f, -1.0f, 0.0f), 1e-5f), "the viewer is one level metre above the origin at scale 2");
		Scenario::Expect(Seen.RayForward.Equals(FVector3f(0.0f, 0.0f, 1.0f), 1e-5f) && Seen.RayRight.Equals(FVector3f(1.0f, 0.0f, 0.0f), 1e-5f) && Seen.RayUp.Equals(FVector3f(0.0f, -0.5f, 0.0f), 1e-5f), "rays are in level axes");
		Scenario::Expect(std::abs(Seen.LevelMetresPerUnit - 0.005f) < 1e-9f && Seen.bByDepth == 1 && Seen.NeuralDepth == Depth->GetResource()->TextureRHI, "depth has the level's unit");
		Inputs.OverrideOutput = FScreenPassRenderTarget();
		const FScreenPassTexture Fresh = Passes[0].Execute(Builder, View, Inputs);
		Scenario::Expect(Fresh.Texture != &Scene && Fresh.Texture != &BackBuffer, "or into a texture of its own");
		Extension->SetFrame(FDreamportCompositeFrame(), nullptr, nullptr);
		FlushRenderingCommands();
		const FScreenPassTexture Untouched = Passes[0].Execute(Builder, View, Inputs);
		Scenario::Expect(Draws == 2 && Untouched.Texture == &Scene, "off leaves the scene as it is");
		Stub::OnDrawScreenPass = nullptr;
		Scenario::Expect(Stub::Shaders().size() == 1 && Stub::Shaders()[0].File == "/Plugin/Dreamport/Private/DreamportComposite.usf" && Stub::Shaders()[0].Function == "MainPS", "the shader is registered");
	}

	void EditorParts()
	{
		FModuleManager::LoadModuleChecked<IModuleInterface>(TEXT("DreamportRendering"));
		Scenario::Expect(Stub::ShaderFolders().count("/Plugin/Dreamport") == 1, "the shader folder is mapped");
		FModuleManager::LoadModuleChecked<IModuleInterface>(TEXT("DreamportEditor"));
		auto& Entries = UToolMenus::Get()->Menus["LevelEditor.MainMenu.Tools"].Sections["Dreamport"].Entries;
		Scenario::Expect(Entries.size() == 2, "two menu entries");
		Entries.at("DreamportMaterial").Action.Execute();
		UMaterial* Material = DreamportEditor::MakeScreenMaterial();
		UMaterialExpression* Colour = Material->StubProperties[MP_EmissiveColor];
		UMaterialExpression* Where = Colour->StubInputs.at("UVs");
		UMaterialExpression* Divide = Where->StubInputs.at("B");
		auto* RowU = Cast<UMaterialExpressionVectorParameter>(Divide->StubInputs.at("A")->StubInputs.at("A")->StubInputs.at("B"));
		auto* RowW = Cast<UMaterialExpressionVectorParameter>(Divide->StubInputs.at("B")->StubInputs.at("B"));
		Scenario::Expect(RowU != nullptr && RowU->ParameterName == FName(u"DreamportU") && RowW != nullptr && RowW->ParameterName == FName(u"DreamportW"), "the material divides U and V by W");

		const TSharedPtr<SDockTab> Tab = FGlobalTabmanager::Get()->TryInvokeTab(FTabId(FName(u"DreamportBackend")));
		std::vector<SButton*> Buttons;
		std::vector<STextBlock*> Texts;
		std::vector<SDreamportPlot*> Plots;
		Tab->StubFind(Buttons);
		Tab->StubFind(Texts);
		Tab->StubFind(Plots);
		Scenario::Expect(Buttons.size() == 4 && Texts.size() == 3 && Plots.size() == 1, "the tab has its parts");
		Buttons[3]->Click();
		Scenario::Expect(Stub::Narrow(*Stub::Clipboard).find("Native core: ") != std::string::npos, "Copy diagnostics copies");
		Scenario::Expect(Stub::Narrow(*Texts[2]->Text.Get().ToString()).find("Nothing plays") != std::string::npos, "and says when nothing plays");
		Plots[0]->Add(75.0f);
		Plots[0]->Add(300.0f);
		TArray<FVector2f> Line;
		Plots[0]->Line(FVector2D(239.0, 100.0), Line);
		Scenario::Expect(Line.Num() == 2 && Line[0].X == 238.0f && Line[0].Y == 50.0f && Line[1].X == 239.0f && Line[1].Y == 0.0f, "the plot's newest value is at the right, cut at the top");
		FSlateWindowElementList Drawn;
		Plots[0]->OnPaint(FPaintArgs(), FGeometry{FVector2D(239.0, 100.0)}, FSlateRect(), Drawn, 0, FWidgetStyle(), true);
		Scenario::Expect(Drawn.Lines.size() == 1, "and drawn");
		FModuleManager::Unload("DreamportEditor");
		Scenario::Expect(FGlobalTabmanager::Get()->Entries.empty() && UToolMenus::Get()->Menus.empty(), "the editor module leaves nothing behind");
	}
}

void Scenario::Unit(const Words&)
{
	FDreamportModule::Get();
	Automation();
	Inputs();
	Decisions();
	Rows();
	Ring();
	Composite();
	EditorParts();
	dp_connection_status Connection{};
	Connection.transport = DP_TRANSPORT_SHARED_MEMORY;
	Dreamport::Core::CopyText(Connection.message, "fine");
	DiagnosticsInput Input;
	Input.EngineVersion = "5.5";
	Input.Connection = &Connection;
	const std::string Text = Diagnostics(Input);
	Expect(Text.find("Transport: shared memory") != std::string::npos && Text.find("Message: fine") != std::string::npos, "diagnostics tell the connection");
	std::printf("{\"unit\": true}\n");
}
