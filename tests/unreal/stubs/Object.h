// Stub of Unreal's CoreUObject module: objects, pointers to them, dynamic delegates. Objects live until Stub::CollectGarbage.

#pragma once

#include "Core.h"

// What UnrealHeaderTool reads. The generated headers of the tests supply what GENERATED_BODY stands for in a class.
#define UCLASS(...)
#define USTRUCT(...)
#define UENUM(...)
#define UPROPERTY(...)
#define UFUNCTION(...)
#define UE_STUB_JOIN2(A, B) A##B
#define UE_STUB_JOIN(A, B) UE_STUB_JOIN2(A, B)
/** As UnrealHeaderTool's: named by file and line. Generated headers define CURRENT_FILE_ID. */
#define GENERATED_BODY() UE_STUB_JOIN(CURRENT_FILE_ID, __LINE__)

class UObject;
class UWorld;
class UClass
{
public:
	explicit UClass(UObject* (*InMake)() = nullptr) : Make(InMake) {}
	UObject* (*Make)();
};
enum EObjectFlags { RF_NoFlags = 0, RF_Public = 1, RF_Standalone = 2, RF_Transient = 0x40 };
enum { LOAD_NoWarn = 2, LOAD_Quiet = 0x2000 };
inline EObjectFlags operator|(EObjectFlags A, EObjectFlags B) { return static_cast<EObjectFlags>(static_cast<int>(A) | static_cast<int>(B)); }

class FObjectInitializer
{
public:
	static const FObjectInitializer& Get() { static FObjectInitializer One; return One; }
};

class UObject
{
public:
	UObject() { All().push_back(this); }
	explicit UObject(const FObjectInitializer&) : UObject() {}
	virtual ~UObject() { auto& Objects = All(); Objects.erase(std::remove(Objects.begin(), Objects.end(), this), Objects.end()); }
	UObject(const UObject&) = delete;
	UObject& operator=(const UObject&) = delete;
	virtual UWorld* GetWorld() const { return Outer != nullptr ? Outer->GetWorld() : nullptr; }
	UObject* GetOuter() const { return Outer; }
	FString GetName() const { return Name.ToString(); }
	FString GetPathName() const { return GetName(); }
	bool MarkPackageDirty() const { return true; }
	static UClass* StaticClass() { return nullptr; }
	/** For FObjectFinder and CreateDefaultSubobject. */
	template <typename T> T* CreateDefaultSubobject(FName SubobjectName);

	static std::vector<UObject*>& All() { static std::vector<UObject*> Objects; return Objects; }
	UObject* Outer = nullptr;
	FName Name;
};

template <typename T> T* StubMake()
{
	if constexpr (std::is_constructible_v<T, const FObjectInitializer&>)
	{
		return new T(FObjectInitializer::Get());
	}
	else
	{
		return new T();
	}
}
template <typename T> T* NewObject(UObject* Outer = nullptr, FName Name = NAME_None, EObjectFlags = RF_NoFlags)
{
	T* Made = StubMake<T>();
	Made->Outer = Outer;
	Made->Name = Name;
	return Made;
}
namespace Stub
{
	void OnSubobject(UObject* Owner, UObject* Made);
	inline void CollectGarbage() { while (!UObject::All().empty()) { delete UObject::All().back(); } }
	inline std::map<std::string, UObject*>& Assets() { static std::map<std::string, UObject*> All; return All; }
}
template <typename T> T* UObject::CreateDefaultSubobject(FName SubobjectName)
{
	T* Made = NewObject<T>(this, SubobjectName);
	Stub::OnSubobject(this, Made);
	return Made;
}
template <typename To, typename From> To* Cast(From* Value) { return dynamic_cast<To*>(const_cast<std::remove_const_t<From>*>(Value)); }
template <typename To, typename From> To* CastChecked(From* Value) { To* Out = dynamic_cast<To*>(Value); check(Out != nullptr); return Out; }
/** Lives as long as the process; not collected. */
template <typename T> const T* GetDefault() { static T* Default = [] { T* Made = new T(); auto& All = UObject::All(); All.erase(std::remove(All.begin(), All.end(), Made), All.end()); return Made; }(); return Default; }
template <typename T> T* GetMutableDefault() { return const_cast<T*>(GetDefault<T>()); }

class UPackage : public UObject {};
inline UPackage* CreatePackage(const TCHAR* Name) { return NewObject<UPackage>(nullptr, FName(Name)); }
template <typename T> T* LoadObject(UObject*, const TCHAR* Name, const TCHAR* = nullptr, uint32 = 0) { const auto Found = Stub::Assets().find(Stub::Narrow(Name)); return Found == Stub::Assets().end() ? nullptr : Cast<T>(Found->second); }

template <typename T> class TObjectPtr
{
public:
	TObjectPtr(T* From = nullptr) : Object(From) {}
	T* Get() const { return Object; }
	operator T*() const { return Object; }
	T* operator->() const { check(Object != nullptr); return Object; }
	T& operator*() const { return *Object; }

private:
	T* Object;
};
template <typename To, typename From> To* Cast(const TObjectPtr<From>& Value) { return Cast<To>(Value.Get()); }
template <typename T> class TWeakObjectPtr
{
public:
	TWeakObjectPtr(T* From = nullptr) : Object(From) {}
	T* Get() const { const auto& All = UObject::All(); return std::any_of(All.begin(), All.end(), [this](UObject* Each) { return static_cast<void*>(Each) == static_cast<const void*>(Object); }) ? Object : nullptr; }
	bool IsValid() const { return Get() != nullptr; }
	bool operator==(const TWeakObjectPtr& Other) const { return Object == Other.Object; }

private:
	T* Object;
};
class FSoftObjectPath
{
public:
	FSoftObjectPath() = default;
	explicit FSoftObjectPath(const TCHAR* From) : Path(From) {}
	explicit FSoftObjectPath(const UObject* From) : Path(From->GetPathName()) {}
	FString Path;
};
template <typename T> class TSoftObjectPtr
{
public:
	TSoftObjectPtr() = default;
	explicit TSoftObjectPtr(const FSoftObjectPath& From) : Path(From) {}
	T* LoadSynchronous() const { return LoadObject<T>(nullptr, *Path.Path); }
	FString ToString() const { return Path.Path; }

private:
	FSoftObjectPath Path;
};
struct ConstructorHelpers
{
	template <typename T> struct FObjectFinder
	{
		explicit FObjectFinder(const TCHAR* Name) : Object(LoadObject<T>(nullptr, Name)) {}
		bool Succeeded() const { return Object != nullptr; }
		T* Object;
	};
};

/** Dynamic delegates call UFUNCTIONs; the check of UnrealHeaderTool's rules sees to it that they are. */
template <typename... Types>
class TStubDynamicMulticast
{
public:
	template <typename Object> void Bind(Object* Self, void (Object::*Method)(Types...)) { Bound.push_back({Self, Key(Method), [=](Types... A) { (Self->*Method)(A...); }}); }
	template <typename Object> void Unbind(Object* Self, void (Object::*Method)(Types...))
	{
		const std::string Wanted = Key(Method);
		Bound.erase(std::remove_if(Bound.begin(), Bound.end(), [&](const FEntry& E) { return E.Self == Self && E.Method == Wanted; }), Bound.end());
	}
	bool IsBound() const { return !Bound.empty(); }
	void Broadcast(Types... A) const { if (Bound.empty()) { return; } const auto Now = Bound; for (const FEntry& E : Now) { E.Call(A...); } }

private:
	struct FEntry { void* Self; std::string Method; std::function<void(Types...)> Call; };
	template <typename M> static std::string Key(M Method) { return std::string(reinterpret_cast<const char*>(&Method), sizeof(Method)); }
	std::vector<FEntry> Bound;
};
#define AddDynamic(Self, Method) Bind(Self, Method)
#define RemoveDynamic(Self, Method) Unbind(Self, Method)
#define DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(Name, T1, N1) class Name : public TStubDynamicMulticast<T1> {}
#define DECLARE_DYNAMIC_MULTICAST_DELEGATE_TwoParams(Name, T1, N1, T2, N2) class Name : public TStubDynamicMulticast<T1, T2> {}
