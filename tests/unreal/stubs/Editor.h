// Stub of Slate and of the editor's modules: enough to build the Backend tab, to ask its texts, and to see the material's graph.

#pragma once

#include "Engine.h"

// ---- Slate

struct FMargin { FMargin(float) {} };
template <typename T> struct TAttribute
{
	TAttribute() = default;
	TAttribute(const T& Value) : Get([Value] { return Value; }) {}
	explicit TAttribute(std::function<T()> From) : Get(std::move(From)) {}
	std::function<T()> Get;
};
class SWidget : public std::enable_shared_from_this<SWidget>
{
public:
	virtual ~SWidget() = default;
	virtual std::vector<SWidget*> StubChildren() const { return {}; }
	template <typename T> void StubFind(std::vector<T*>& Out)
	{
		if (T* Found = dynamic_cast<T*>(this))
		{
			Out.push_back(Found);
		}
		for (SWidget* Child : StubChildren())
		{
			Child->StubFind(Out);
		}
	}
	void Invalidate(int) {}
};
namespace EInvalidateWidgetReason { constexpr int Paint = 1; }
class FReply { public: static FReply Handled() { return {}; } };
enum class EActiveTimerReturnType { Stop, Continue };
using FWidgetActiveTimerDelegate = TDelegate<EActiveTimerReturnType(double, float)>;
struct FPaintGeometry {};
struct FGeometry
{
	FVector2D Size;
	FVector2D GetLocalSize() const { return Size; }
	FPaintGeometry ToPaintGeometry() const { return {}; }
};
struct FPaintArgs {};
struct FSlateRect {};
struct FWidgetStyle {};
struct FSlateIcon {};
enum class ESlateDrawEffect : uint8 { None };
struct FSlateWindowElementList { std::vector<TArray<FVector2f>> Lines; };
struct FSlateDrawElement
{
	static void MakeLines(FSlateWindowElementList& To, uint32, const FPaintGeometry&, TArray<FVector2f> Points, ESlateDrawEffect, const FLinearColor&, bool, float) { To.Lines.push_back(std::move(Points)); }
};

#define SLATE_BEGIN_ARGS(Class) struct FArguments { using WidgetArgsType = FArguments; using StubWidget = Class; FArguments()
#define SLATE_ARGUMENT(Type, Name) Type _##Name{}; FArguments& Name(Type InValue) { _##Name = InValue; return *this; }
#define SLATE_ATTRIBUTE(Type, Name) TAttribute<Type> _##Name; \
	FArguments& Name(const Type& InValue) { _##Name = TAttribute<Type>(InValue); return *this; } \
	template <typename Object> FArguments& Name(Object* Self, Type (Object::*Method)() const) { _##Name = TAttribute<Type>(std::function<Type()>([=] { return (Self->*Method)(); })); return *this; }
#define SLATE_EVENT_LAMBDA(Type, Name) std::function<Type()> _##Name; template <typename Callable> FArguments& Name##_Lambda(Callable From) { _##Name = From; return *this; }
#define SLATE_DEFAULT_SLOT(Unused, Name) std::shared_ptr<SWidget> _##Name; template <typename W> FArguments& operator[](const TSharedRef<W>& Child) { _##Name = Child.Value; return *this; }
#define SLATE_END_ARGS() }; using StubHasArgs = void;

template <typename Widget> struct TStubDecl
{
	std::shared_ptr<Widget> Made = std::make_shared<Widget>();
	TSharedRef<Widget> operator<<=(const typename Widget::FArguments& Arguments) { Made->Construct(Arguments); return TSharedRef<Widget>(Made); }
};
#define SNew(Widget) TStubDecl<Widget>() <<= Widget::FArguments()
#define SAssignNew(To, Widget) TStubAssign<Widget>(To) <<= Widget::FArguments()
template <typename Widget> struct TStubAssign
{
	explicit TStubAssign(TSharedPtr<Widget>& InTo) : To(InTo) {}
	TSharedPtr<Widget>& To;
	TSharedRef<Widget> operator<<=(const typename Widget::FArguments& Arguments) { const TSharedRef<Widget> Made = TStubDecl<Widget>() <<= Arguments; To = Made; return Made; }
};

class SCompoundWidget : public SWidget
{
public:
	struct FSlot
	{
		std::shared_ptr<SWidget> Child;
		template <typename W> FSlot& operator[](const TSharedRef<W>& From) { Child = From.Value; return *this; }
	} ChildSlot;
	virtual std::vector<SWidget*> StubChildren() const override { return ChildSlot.Child ? std::vector<SWidget*>{ChildSlot.Child.get()} : std::vector<SWidget*>(); }
	void RegisterActiveTimer(float, FWidgetActiveTimerDelegate Delegate) { StubTimer = Delegate; }
	FWidgetActiveTimerDelegate StubTimer;
};
class SLeafWidget : public SWidget
{
public:
	virtual int32 OnPaint(const FPaintArgs&, const FGeometry&, const FSlateRect&, FSlateWindowElementList&, int32, const FWidgetStyle&, bool) const = 0;
	virtual FVector2D ComputeDesiredSize(float) const = 0;
};
class STextBlock : public SLeafWidget
{
public:
	SLATE_BEGIN_ARGS(STextBlock) {}
		SLATE_ATTRIBUTE(FText, Text)
		SLATE_ARGUMENT(bool, AutoWrapText)
	SLATE_END_ARGS()
	void Construct(const FArguments& InArgs) { Text = InArgs._Text; }
	virtual int32 OnPaint(const FPaintArgs&, const FGeometry&, const FSlateRect&, FSlateWindowElementList&, int32 Layer, const FWidgetStyle&, bool) const override { return Layer; }
	virtual FVector2D ComputeDesiredSize(float) const override { return {}; }
	TAttribute<FText> Text;
};
class SButton : public SWidget
{
public:
	SLATE_BEGIN_ARGS(SButton) {}
		SLATE_ATTRIBUTE(FText, Text)
		SLATE_EVENT_LAMBDA(FReply, OnClicked)
	SLATE_END_ARGS()
	void Construct(const FArguments& InArgs) { Text = InArgs._Text; Click = InArgs._OnClicked; }
	TAttribute<FText> Text;
	std::function<FReply()> Click;
};
template <typename Self> class TStubBox : public SWidget
{
public:
	struct FSlotArguments
	{
		std::shared_ptr<SWidget> Child;
		FSlotArguments& AutoHeight() { return *this; }
		FSlotArguments& AutoWidth() { return *this; }
		FSlotArguments& Padding(FMargin) { return *this; }
		template <typename W> FSlotArguments& operator[](const TSharedRef<W>& From) { Child = From.Value; return *this; }
	};
	struct FArguments
	{
		std::vector<std::shared_ptr<SWidget>> Children;
		FArguments& operator+(const FSlotArguments& Slot) { Children.push_back(Slot.Child); return *this; }
	};
	static FSlotArguments Slot() { return {}; }
	void Construct(const FArguments& InArgs) { Children = InArgs.Children; }
	virtual std::vector<SWidget*> StubChildren() const override { std::vector<SWidget*> Out; for (const auto& Child : Children) { Out.push_back(Child.get()); } return Out; }
	std::vector<std::shared_ptr<SWidget>> Children;
};
class SVerticalBox : public TStubBox<SVerticalBox> {};
class SHorizontalBox : public TStubBox<SHorizontalBox> {};
namespace ETabRole { enum Type { NomadTab }; }
class SDockTab : public SWidget
{
public:
	SLATE_BEGIN_ARGS(SDockTab) {}
		SLATE_ARGUMENT(ETabRole::Type, TabRole)
		SLATE_DEFAULT_SLOT(FArguments, Content)
	SLATE_END_ARGS()
	void Construct(const FArguments& InArgs) { Content = InArgs._Content; }
	virtual std::vector<SWidget*> StubChildren() const override { return {Content.get()}; }
	std::shared_ptr<SWidget> Content;
};

// ---- tabs and menus

struct FSpawnTabArgs {};
struct FTabId { explicit FTabId(FName InName) : Name(InName) {} FName Name; };
using FOnSpawnTab = TDelegate<TSharedRef<SDockTab>(const FSpawnTabArgs&)>;
class FWorkspaceItem {};
struct FTabSpawnerEntry
{
	FOnSpawnTab Spawn;
	FTabSpawnerEntry& SetDisplayName(const TAttribute<FText>&) { return *this; }
	FTabSpawnerEntry& SetTooltipText(const TAttribute<FText>&) { return *this; }
	FTabSpawnerEntry& SetGroup(const TSharedRef<FWorkspaceItem>&) { return *this; }
};
class FGlobalTabmanager
{
public:
	static TSharedRef<FGlobalTabmanager> Get() { static TSharedRef<FGlobalTabmanager> One = MakeShared<FGlobalTabmanager>(); return One; }
	FTabSpawnerEntry& RegisterNomadTabSpawner(const FName TabId, const FOnSpawnTab& OnSpawnTab) { FTabSpawnerEntry& Entry = Entries[Stub::Narrow(*TabId.ToString())]; Entry.Spawn = OnSpawnTab; return Entry; }
	void UnregisterNomadTabSpawner(const FName TabId) { Entries.erase(Stub::Narrow(*TabId.ToString())); }
	TSharedPtr<SDockTab> TryInvokeTab(const FTabId& Id) { return Entries.at(Stub::Narrow(*Id.Name.ToString())).Spawn.Execute(FSpawnTabArgs()); }
	std::map<std::string, FTabSpawnerEntry> Entries;
};
namespace WorkspaceMenu { struct FStubStructure { TSharedRef<FWorkspaceItem> GetToolsCategory() const { return MakeShared<FWorkspaceItem>(); } }; inline FStubStructure& GetMenuStructure() { static FStubStructure One; return One; } }
using FExecuteAction = TDelegate<void()>;
struct FUIAction { explicit FUIAction(FExecuteAction From) : Action(std::move(From)) {} FExecuteAction Action; };
struct FToolMenuSection
{
	std::map<std::string, FUIAction> Entries;
	void AddMenuEntry(const TCHAR* Name, const TAttribute<FText>&, const TAttribute<FText>&, const FSlateIcon&, const FUIAction& Action) { Entries.emplace(Stub::Narrow(Name), Action); }
};
class UToolMenu
{
public:
	FToolMenuSection& FindOrAddSection(const TCHAR* Name, const TAttribute<FText>&) { return Sections[Stub::Narrow(Name)]; }
	std::map<std::string, FToolMenuSection> Sections;
};
struct FToolMenuOwnerScoped { template <typename T> explicit FToolMenuOwnerScoped(T*) {} };
class UToolMenus
{
public:
	static UToolMenus* Get() { static UToolMenus One; return &One; }
	UToolMenu* ExtendMenu(const TCHAR* Name) { return &Menus[Stub::Narrow(Name)]; }
	static FDelegateHandle RegisterStartupCallback(const FSimpleMulticastDelegate::FDelegate& Delegate) { Delegate.Execute(); return FDelegateHandle::Next(); }
	template <typename T> static void UnRegisterStartupCallback(T*) {}
	template <typename T> static void UnregisterOwner(T*) { Get()->Menus.clear(); }
	std::map<std::string, UToolMenu> Menus;
};

// ---- materials

enum EMaterialShadingModel { MSM_DefaultLit, MSM_Unlit };
enum EMaterialProperty { MP_EmissiveColor };
class UMaterialExpression : public UObject { public: std::map<std::string, UMaterialExpression*> StubInputs; };
class UMaterial : public UMaterialInterface
{
public:
	void SetShadingModel(EMaterialShadingModel) {}
	bool TwoSided = false;
	std::map<int, UMaterialExpression*> StubProperties;
};
#define STUB_EXPRESSION(Name, ...) class UMaterialExpression##Name : public UMaterialExpression { public: static UClass* StaticClass() { static UClass Class([]() -> UObject* { return new UMaterialExpression##Name(); }); return &Class; } __VA_ARGS__ }
STUB_EXPRESSION(WorldPosition);
STUB_EXPRESSION(CameraPositionWS);
STUB_EXPRESSION(Subtract);
STUB_EXPRESSION(DotProduct);
STUB_EXPRESSION(AppendVector);
STUB_EXPRESSION(Divide);
STUB_EXPRESSION(TextureCoordinate);
STUB_EXPRESSION(LinearInterpolate);
STUB_EXPRESSION(VectorParameter, FName ParameterName;);
STUB_EXPRESSION(ScalarParameter, FName ParameterName; float DefaultValue = 0.0f;);
STUB_EXPRESSION(TextureSampleParameter2D, FName ParameterName;);
class UMaterialEditingLibrary
{
public:
	static UMaterialExpression* CreateMaterialExpression(UMaterial* Material, UClass* Class, int32, int32) { UMaterialExpression* Made = CastChecked<UMaterialExpression>(Class->Make()); Made->Outer = Material; return Made; }
	static bool ConnectMaterialExpressions(UMaterialExpression* From, FString, UMaterialExpression* To, FString Input) { To->StubInputs[Stub::Narrow(*Input)] = From; return true; }
	static bool ConnectMaterialProperty(UMaterialExpression* From, FString, EMaterialProperty Property) { Cast<UMaterial>(From->GetOuter())->StubProperties[Property] = From; return true; }
	static void RecompileMaterial(UMaterial*) {}
};
struct FAssetRegistryModule { static void AssetCreated(UObject* Asset) { Stub::Assets()["/Game/Dreamport/" + Stub::Narrow(*Asset->GetName()) + "." + Stub::Narrow(*Asset->GetName())] = Asset; } };
